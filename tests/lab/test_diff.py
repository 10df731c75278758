"""Recordings of one scenario by a real client with one setting changed: the comparison shows that setting, and nothing else."""

import json
from collections.abc import Callable

import pytest
from labkit.endpoint import Account
from labkit.proxy import Proxy
from labkit.scenarios import plain_chat
from labkit.server import Server

# What the client sends or receives no longer when the setting is off; every field that may be named for it.
SETTINGS = {
    "receipts": ({"receipts": False, "states": True}, ("receipt",)),
    "states": ({"receipts": True, "states": False}, ("chat_state", "chatstate", "chat.state", "chat-state")),
}


@pytest.mark.parametrize("server", ["prosody"], indirect=True)
@pytest.mark.parametrize("setting", SETTINGS)
def test_one_setting(
    request: pytest.FixtureRequest,
    setting: str,
    server: Server,
    alice: Account,
    bob: Account,
    start_proxy: Callable[..., Proxy],
) -> None:
    if request.config.getoption("--without-proxy"):
        pytest.skip("there is nothing to compare without the proxy")

    def record(receipts: bool, states: bool) -> tuple[Proxy, str]:
        proxy = start_proxy("starttls", "--account", alice.jid)
        plain_chat.run(proxy.endpoint, server.endpoint, alice, bob, receipts, states)
        assert proxy.stop() == 0, proxy.process.tail()
        return proxy, str(proxy.run.path)

    off, names = SETTINGS[setting]
    proxy, first = record(receipts=True, states=True)
    before = [first, record(receipts=True, states=True)[1]]
    after = [record(**off)[1], record(**off)[1]]
    comparison = json.loads(proxy.command("diff", "--a", *before, "--b", *after, "--format", "json"))
    fields = [change for change in comparison["changes"] if change["aspect"] == "field"]
    gone = [change for change in fields if change["turn"] == "gone"]
    sent = [change["what"] for change in gone if change["direction"] == "client_to_server"]
    assert sent, comparison
    assert not [what for what in sent if not any(name in what for name in names)], sent
    # With receipts on, slixmpp asks the contact's client whether it gives them, and reads its features.
    received = [change["what"] for change in gone if change["direction"] != "client_to_server"]
    assert not [what for what in received if not any(name in what for name in (*names, "disco."))], received
    assert not [change for change in fields if change["turn"] == "new"], fields
    others = [change for change in comparison["changes"] if change["aspect"] in ("verdict", "finding", "observer")]
    # What a rule says of the setting is gone with it; nothing else is.
    others = [change for change in others if change["turn"] in ("gone", "new")]
    assert not [change for change in others if not any(name in change["what"] for name in names)], others
    # The same recordings against themselves: nothing.
    same = json.loads(proxy.command("diff", "--a", *before, "--b", *before, "--format", "json"))
    assert same["changes"] == []
