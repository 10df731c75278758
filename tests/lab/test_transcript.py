"""A transcript of real traffic, audited again, gives what was found while it passed."""

import json
from collections.abc import Callable

import pytest
from labkit.checker import betrayals, missing_items
from labkit.endpoint import Account, Tls
from labkit.proxy import Proxy
from labkit.scenarios import omemo_chat
from labkit.server import Server


@pytest.mark.parametrize("server", ["prosody"], indirect=True)
def test_a_transcript_gives_the_same_records(
    request: pytest.FixtureRequest, server: Server, alice: Account, bob: Account, start_proxy: Callable[..., Proxy]
) -> None:
    if request.config.getoption("--without-proxy"):
        pytest.skip("there is no transcript without the proxy")
    proxy = start_proxy("direct", "--transcript")
    truth = omemo_chat.run(proxy.endpoint, Tls.DIRECT, alice, bob)
    assert proxy.stop() == 0, proxy.process.tail()
    run = proxy.run
    assert missing_items(run, truth) == []
    # Raw traffic holds the login, so no look for passwords; what was encrypted still is.
    assert betrayals(run.files(), truth.canaries) == []

    again = [json.loads(line) for line in proxy.command("scan", str(run.transcript)).splitlines()]
    assert by_session(again) == by_session(run.records)


def by_session(records: list[dict]) -> list[dict]:
    """Records in the order of their sessions: sessions at the same time reach the log in any order.

    Without the number of the input, which only a scan knows.
    """
    ordered = sorted(records, key=lambda record: (record["session"], record["seq"]))
    return [{key: value for key, value in record.items() if key != "input"} for record in ordered]
