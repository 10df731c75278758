"""Every page the program writes, in a real browser: what an attacker put into a session stays text, and everybody can read it.

The attacker's texts are tests/records/hostile_texts.txt, once as what a server sends and once in the records themselves, in every string.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from labkit.reader import browser, look_at
from playwright.sync_api import Browser

RECORDS = Path(__file__).parents[1] / "records"
RUN = "runs/20260302T100000Z-reed"
# What XML cannot carry, not even as a reference.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# What makes a record a record. Everything else that is text is the attacker's.
STRUCTURE = {"type", "event", "direction", "ts", "field", "severity", "favour", "body", "phase"}

Program = Callable[..., str]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def program(binary: Path, tmp_path: Path) -> Program:
    def run(*arguments: str, stdin: str = "") -> str:
        done = subprocess.run([binary, *arguments], cwd=tmp_path, input=stdin, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def hostile_texts() -> list[str]:
    texts = (RECORDS / "hostile_texts.txt").read_text().removesuffix("\n").split("\n")
    return [re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), text) for text in texts]


def a_run(directory: Path, records: str, label: str = "Reed 1.4", name: str = RUN) -> str:
    run = directory / name
    run.mkdir(parents=True)
    (run / "records.jsonl").write_text(records)
    manifest = {"schema": 1, "label": label, "accounts": [label], "domains": [label], "profile": {"backups": label, label: label}, "plan": {"goal": label}}
    (run / "run.json").write_text(json.dumps(manifest))
    return name


def in_every_string(record, text: str):
    """The record with `text` for every string, and after every address."""
    if isinstance(record, dict):
        return {key: value if key in STRUCTURE else in_every_string(value, text) for key, value in record.items()}
    if isinstance(record, list):
        return [in_every_string(value, text) for value in record]
    if isinstance(record, str):
        return f"{record}/{text}" if "@" in record and not record.startswith("<") else text
    return record


def hostile_records(every: int = 1) -> str:
    lines = []
    for n, text in enumerate(hostile_texts()[::every]):
        name = ("ordinary", "leaky", "hostile")[n % 3]
        # One of them has lines that are no records.
        for line in (RECORDS / f"{name}.jsonl").read_text().split("\n"):
            if line.startswith("{") and line.endswith("}"):
                # One text's records are a session, so that statements about sessions come about.
                lines.append(json.dumps(in_every_string(json.loads(line), text) | {"session": f"{n} {text}"}))
    return "\n".join(lines) + "\n"


def hostile_stanzas() -> str:
    """What servers and contacts send: nicknames, status texts, file names, software, room names."""
    lines = []
    for n, text in enumerate(hostile_texts()):
        text = quoteattr(NOT_XML.sub("?", text)).replace("\r", "&#13;")[1:-1].replace('"', "&quot;").replace("'", "&apos;")
        who, room = f"x{n}@evil.example", f"room{n}@rooms.evil.example"
        stanzas = [
            f'<presence from="{who}/{text}"><status>{text}</status><c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="{text}" ver="{text}"/></presence>',
            f'<presence from="{room}/{text}"><x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="{text}" jid="{who}/{text}" nick="{text}"/></x></presence>',
            f'<iq type="result" id="{text}"><query xmlns="jabber:iq:roster"><item jid="{who}" name="{text}"><group>{text}</group></item></query></iq>',
            f'<iq type="result" from="{who}"><query xmlns="jabber:iq:version"><name>{text}</name><version>{text}</version><os>{text}</os></query></iq>',
            f'<iq type="get" to="up.example"><request xmlns="urn:xmpp:http:upload:0" filename="{text}" size="1" content-type="{text}"/></iq>',
            f'<message from="{who}" type="{text}"><body>{text}</body><subject>{text}</subject><nick xmlns="http://jabber.org/protocol/nick">{text}</nick>'
            f'<x xmlns="urn:unknown:{n}" attr="{text}">{text}</x></message>',
        ]
        for stanza in stanzas:
            direction = "client_to_server" if 'type="get"' in stanza else "server_to_client"
            lines.append(json.dumps({"xml": stanza, "direction": direction, "session": "one"}))
    return "\n".join(lines) + "\n"


@pytest.mark.timeout(300)
def test_the_demo(chromium: Browser, program: Program, tmp_path: Path) -> None:
    program("demo", "--runs", "runs")
    [run] = (tmp_path / "runs").iterdir()
    program("report", str(run), "-o", "page.html")
    assert look_at(chromium, tmp_path / "page.html") == []


@pytest.mark.timeout(300)
def test_hostile_records(chromium: Browser, program: Program, tmp_path: Path) -> None:
    run = a_run(tmp_path, hostile_records(), " ".join(hostile_texts()))
    program("report", run, "-o", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("alert(") > 100, "the texts are not on the page"
    assert look_at(chromium, tmp_path / "page.html") == []
    # For pages that take the JSON in: nothing in it can end a script element or break a line of one.
    said = program("report", run, "--format", "json")
    assert "<" not in said and not set(said) & set("\u2028\u2029")
    assert "<script>" in json.dumps(json.loads(said))


@pytest.mark.timeout(300)
def test_hostile_stanzas(chromium: Browser, program: Program, tmp_path: Path) -> None:
    records = program("scan", "--account", "wren@moss.example", stdin=hostile_stanzas())
    values = {exposure["value"] for line in records.strip().split("\n") for exposure in json.loads(line).get("exposures", ())}
    lost = [text for text in hostile_texts() if not NOT_XML.search(text) and text.strip() not in values]
    assert len(lost) < 20 and "<script>alert(1)</script>" in values, lost
    program("report", a_run(tmp_path, records), "-o", "page.html")
    assert look_at(chromium, tmp_path / "page.html") == []


@pytest.mark.timeout(300)
def test_a_comparison(chromium: Browser, program: Program, tmp_path: Path) -> None:
    run = a_run(tmp_path, (RECORDS / "ordinary.jsonl").read_text())
    other = a_run(tmp_path, hostile_records(every=6), "<script>alert(1)</script>", "runs/20260302T110000Z-evil")
    program("diff", run, other, "-o", "page.html", "--format", "html")
    assert look_at(chromium, tmp_path / "page.html") == []


FAULTS = {
    "<script>alert(1)</script>": "a script called alert",
    "<p><img src='x' alt='' onerror='alert(1)'></p>": "a script called alert",
    "<p onclick='alert(1)'>here</p>": "must not be on the page",
    "<p><img alt='' src='http://127.0.0.1:9/x.png'></p>": "request: http://127.0.0.1:9/x.png",
    "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\"><main><p><img alt='' src='data:image/png,x'></p>": "CSP: img-src",
    "<p style='width:500px'>wide</p>": "wide on a screen of 390",
    "<h3>too low</h3>": "headings out of order",
    "<h2>a section</h2><table><tr><td>1</td></tr></table>": "a table has no caption",
    "<p><svg width='9' height='9'></svg></p>": "a picture has no name",
    "<p style='color:#999;background:#fff'>hard to read</p>": "color-contrast",
    "<a id='x' href='#nowhere'>there</a>": "a link leads nowhere",
    "<p><a href='#x' tabindex='2' id='x'>b</a><a href='#y' tabindex='1' id='y'>a</a></p>": "Tab does not go through",
    "<style>a:focus-visible{outline:none}</style><a id='x' href='#x'>there</a>": "nobody sees where the keyboard is",
    "<style>@media print{p{background:#222}}</style><p>dark</p>": "dark background on paper",
    "<style>@media print{p{width:900px}}</style><p>wide</p>": "wide on paper",
    "<style>@media print{h2{position:absolute;left:-9999px}}</style><h2>Left out</h2>": "not printed: Left out",
    "<p><a href='#r1'>it</a></p><article id='r1'><h2>Records</h2><h3>s1:4</h3></article>": "on paper nobody finds where it leads",
}


HEAD = "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>t</title>"


def test_a_right_page_has_no_fault(chromium: Browser, tmp_path: Path) -> None:
    page = tmp_path / "right.html"
    page.write_text(HEAD + "<main><h1>A page</h1><p>All is well.</p></main>")
    assert look_at(chromium, page) == []


@pytest.mark.parametrize("fault", FAULTS, ids=FAULTS.values())
def test_a_fault_is_found(chromium: Browser, tmp_path: Path, fault: str) -> None:
    page = tmp_path / "wrong.html"
    page.write_text(HEAD + (fault if "<main>" in fault else f"<main><h1>A page</h1>{fault}") + "</main>")
    found = look_at(chromium, page)
    assert any(FAULTS[fault] in problem for problem in found), found
