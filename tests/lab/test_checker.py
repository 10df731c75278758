"""The checker itself: it must find what is hidden and miss what is absent, or the matrix proves nothing."""

import base64
import json
from pathlib import Path

import pytest
from labkit.checker import betrayals, missing_items
from labkit.ground_truth import GroundTruth, random_word
from labkit.run_directory import RunDirectory

HIDING_PLACES = {
    "as it is": lambda text: text,
    "in capitals": lambda text: text.upper(),
    "hex": lambda text: text.encode().hex(),
    "percent encoding": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "SASL PLAIN": lambda text: base64.b64encode(f"\0bob\0{text}".encode()).decode(),
    "base64 of a longer text": lambda text: base64.b64encode(f"xy{text} and more".encode()).decode(),
    "JSON escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "reversed": lambda text: text[::-1],
}


@pytest.mark.parametrize("hide", HIDING_PLACES.values(), ids=HIDING_PLACES.keys())
@pytest.mark.parametrize("before", ["", "a", "ab"], ids=lambda before: f"offset-{len(before)}")
def test_a_hidden_word_is_found(hide, before: str, tmp_path: Path) -> None:
    word = random_word()
    log = tmp_path / "records.jsonl"
    log.write_text(f'{{"value": "{hide(before + word)}"}}\n')
    assert betrayals([log], [word])


def test_other_words_are_not_found(tmp_path: Path) -> None:
    log = tmp_path / "records.jsonl"
    log.write_text(" ".join(random_word() for _ in range(10_000)))
    assert betrayals([log], ["bananarama"]) == []


def test_an_item_counts_only_as_a_value_of_its_field(tmp_path: Path) -> None:
    truth = GroundTruth()
    for value in ("in-value", "in-typed", "in-another-field", "in-part-of-a-value", "elsewhere"):
        truth.emitted("room", value)
    truth.emitted("upload size", 4711)
    exposures = [
        {"field": "muc.join.room", "value": "in-value"},
        {"field": "muc.join.room", "value": "x", "typed": {"parts": ["in-typed"]}},
        {"field": "muc.join.room", "value": "not in-part-of-a-value alone"},
        {"field": "message.to", "value": "in-another-field"},
        {"field": "upload.request.size", "value": "x", "typed": {"number": 4711}},
    ]
    record = {"type": "stanza", "note": "elsewhere", "exposures": exposures}
    (tmp_path / "records.jsonl").write_text(json.dumps(record) + "\n")
    assert missing_items(RunDirectory(tmp_path), truth) == [
        f"room {value!r} in muc.join.room" for value in ("in-another-field", "in-part-of-a-value", "elsewhere")
    ]
