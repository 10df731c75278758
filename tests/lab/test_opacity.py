"""Real OMEMO messages are never suspected: every one made by `make_omemo.py` comes out of `scan` as OPAQUE.

1,000 messages; `OMEMO_MESSAGES=10000` for more.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

MAKE = Path(__file__).with_name("make_omemo.py")
MESSAGES = int(os.environ.get("OMEMO_MESSAGES", "1000"))


@pytest.mark.timeout(60 + MESSAGES // 10)
def test_real_messages_are_opaque(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    traffic = tmp_path / "traffic.jsonl"
    with traffic.open("w") as out:
        subprocess.run([sys.executable, MAKE, str(MESSAGES)], stdout=out, check=True)
    program = request.config.getoption("--stanzascope")
    records = subprocess.run(
        [program, "scan", "--account", "alice@a.example", "--evidence", "none", traffic], stdout=subprocess.PIPE, check=True, text=True
    )
    verdicts, others = Counter(), []
    for line in records.stdout.splitlines():
        record = json.loads(line)
        verdict = record.get("verdict")
        if verdict is None:
            # Device lists, bundles and lists of members are without fault.
            continue
        verdicts[f"{verdict['body']} {verdict.get('level', '')}"] += 1
        if verdict["body"] != "OPAQUE":
            others.append((record["session"], record.get("input"), verdict))
    print(verdicts)
    assert not others, others[:3]
    # What goes between the other accounts only is not seen; most of the rest is followed from its beginning.
    assert verdicts.total() > MESSAGES // 2 and verdicts["OPAQUE E2"] > verdicts.total() // 2, verdicts
