"""Each real client against each real server, through the proxy, over STARTTLS and direct TLS.

A case passes when the client logs in, its messages arrive (and decrypt) at the other end, everything it
emitted is in the exposure log, and no encrypted text and no password is in anything the proxy wrote.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from labkit.checker import betrayals, missing_items
from labkit.clients.device_list import seed_device_list
from labkit.endpoint import Account, Endpoint, Tls
from labkit.ground_truth import GroundTruth
from labkit.proxy import Proxy
from labkit.scenarios import mcabber_chat, omemo_chat, profanity_chat
from labkit.server import Server

SERVERS = ["prosody", "ejabberd"]
each_server = pytest.mark.parametrize("server", SERVERS, indirect=True)
each_tls = pytest.mark.parametrize("tls", Tls, ids=lambda tls: f"client-{tls}")


@each_server
@each_tls
@pytest.mark.parametrize("upstream_tls", ["starttls", "direct"], ids=lambda tls: f"server-{tls}")
def test_slixmpp(server: Server, tls: Tls, upstream_tls: str, alice: Account, bob: Account, audited: "Audited") -> None:
    audited(upstream_tls, lambda endpoint: omemo_chat.run(endpoint, tls, alice, bob))


@each_tls
@pytest.mark.parametrize("server", ["prosody_in_clear", "ejabberd"], indirect=True)
def test_slixmpp_with_clear_text_behind_the_proxy(
    server: Server, tls: Tls, alice: Account, bob: Account, audited: "Audited"
) -> None:
    audited("none", lambda endpoint: omemo_chat.run(endpoint, tls, alice, bob))


@each_server
@each_tls
def test_profanity(server: Server, tls: Tls, alice: Account, bob: Account, audited: "Audited", tmp_path: Path) -> None:
    if server.name == "prosody":
        asyncio.run(seed_device_list(server.endpoint, alice))
    audited(tls.value, lambda endpoint: profanity_chat.run(endpoint, tls, alice, bob, tmp_path))


@each_server
@each_tls
def test_mcabber(server: Server, tls: Tls, alice: Account, bob: Account, audited: "Audited", tmp_path: Path) -> None:
    audited(tls.value, lambda endpoint: mcabber_chat.run(endpoint, tls, alice, bob, tmp_path))


@pytest.mark.parametrize("server", ["prosody"], indirect=True)
def test_a_leak_among_encrypted_messages(server: Server, alice: Account, bob: Account, audited: "Audited") -> None:
    audited("starttls", lambda endpoint: omemo_chat.run(endpoint, Tls.STARTTLS, alice, bob, leak=True))


Audited = Callable[[str, Callable[[Endpoint], GroundTruth]], None]


@pytest.fixture
def audited(request: pytest.FixtureRequest, server: Server, start_proxy: Callable[..., Proxy]) -> Audited:
    """Plays a scenario through a proxy and checks everything the proxy wrote against what was emitted."""

    def play(upstream_tls: str, scenario: Callable[[Endpoint], GroundTruth]) -> None:
        if request.config.getoption("--without-proxy"):
            scenario(server.endpoint)
            return
        proxy = start_proxy(upstream_tls)
        truth = scenario(proxy.endpoint)
        assert proxy.stop() == 0, proxy.process.tail()
        check(proxy, truth)

    return play


def check(proxy: Proxy, truth: GroundTruth) -> None:
    written = proxy.written_files()
    run = proxy.run
    none("not in the exposure log", missing_items(run, truth))
    none("an encrypted text was written down", betrayals(written, truth.canaries))
    none("a password was written down", betrayals(written, truth.secrets))
    # Without --keep-content, a readable body is logged as its length.
    none("the text of a message was written down", betrayals(written, truth.readable))
    none("gaps", run.of_type("gap"))
    # Every message is seen where it enters and where it leaves the server, and perhaps in copies.
    assert len(run.body_verdicts("OPAQUE")) >= 2 * truth.encrypted_messages
    # One in clear among encrypted ones is suspect.
    readable = [record for verdict in ("NOT_ENCRYPTED", "SUSPECT", "PROVEN_LEAK") for record in run.body_verdicts(verdict)]
    assert len(readable) >= 2 * truth.readable_messages


def none(what: str, found: list) -> None:
    assert not found, "\n".join([f"{what}:", *map(str, found)])
