"""Reads what one run of the proxy left behind."""

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path


class RunDirectory:
    def __init__(self, path: Path):
        self.path = path

    @cached_property
    def manifest(self) -> dict:
        return json.loads((self.path / "run.json").read_text())

    @cached_property
    def records(self) -> list[dict]:
        with open(self.path / "records.jsonl", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def of_type(self, kind: str) -> list[dict]:
        return [record for record in self.records if record.get("type") == kind]

    @cached_property
    def exposed(self) -> dict[str, set[str]]:
        """By field, every value that was exposed and every typed part of it, as text."""
        values = defaultdict(set)
        for record in self.records:
            for exposure in record.get("exposures", ()):
                values[exposure["field"]].update(_leaves(exposure.get("value")), _leaves(exposure.get("typed")))
        return values

    def body_verdicts(self, verdict: str) -> list[dict]:
        """The stanzas whose body got this verdict, such as `OPAQUE`."""
        return [record for record in self.of_type("stanza") if (record.get("verdict") or {}).get("body") == verdict]

    @property
    def transcript(self) -> Path:
        """The raw traffic, which `--transcript` keeps."""
        return next(self.path.glob("*transcript*"))

    def files(self) -> Iterator[Path]:
        return (path for path in sorted(self.path.rglob("*")) if path.is_file())


def _leaves(value) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None:
        yield str(value)
