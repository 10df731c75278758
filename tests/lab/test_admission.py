"""How many clients of other machines get in: by address, in all, and in a second. In a network of their own, from real addresses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_other_machines_get_so_many_places_and_no_more(request: pytest.FixtureRequest, binary: Path, tmp_path: Path) -> None:
    if request.config.getoption("--without-proxy"):
        pytest.skip("there is nobody to connect to without the proxy")
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    inside = [sys.executable, "-m", "labkit.strangers", binary, tmp_path]
    done = subprocess.run([*namespace, *inside], capture_output=True, text=True, cwd=Path(__file__).parent, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["one peer"] == {"in": 0, "turned away": 1}, "sixteen of an address"
    assert seen["all places"] == {"in": 64, "turned away": 0}
    assert seen["one more"] == {"in": 0, "turned away": 1}, "sixty-four in all"
    assert seen["uninvited"] == {"in": 0, "turned away": 1}, "only from networks that are named"
    # A second may end while they come.
    assert 20 <= seen["at once"]["in"] <= 25 and sum(seen["at once"].values()) == 30, seen["at once"]
    too_fast = seen["at once"]["turned away"]
    assert seen["ends"] == {"too_many_from_peer": 1, "too_many": 1, "peer_refused": 1, "too_fast": too_fast}
    reasons = [reason for reason, _ in seen["records"]]
    assert sorted(set(reasons)) == ["too_fast", "too_many", "too_many_from_peer"], seen["records"]
    assert reasons.count("too_fast") < too_fast, "a flood is no flood of records"
    assert "connection refused" in seen["said"] and "\x1b" not in seen["said"], "no colours in a file"
    assert seen["status"] == 0
