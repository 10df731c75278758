"""Two people without encryption, one of them with settings that can be switched: receipts and chat states."""

import asyncio

import slixmpp

from ..endpoint import Account, Endpoint, Tls
from ..process import LabError

STEP_SECONDS = 20
MESSAGES = ["did the bicycle arrive", "it stands in the shed", "see you at six"]


class Person:
    def __init__(self, account: Account, resource: str, endpoint: Endpoint, receipts: bool):
        self.account = account
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.receipts: asyncio.Queue[str] = asyncio.Queue()
        self._endpoint = endpoint
        self._started = asyncio.Event()
        self.xmpp = slixmpp.ClientXMPP(f"{account.jid}/{resource}", account.password)
        self.xmpp.ca_certs = endpoint.ca
        self.xmpp.register_plugin("xep_0030")
        self.xmpp.register_plugin("xep_0085")
        if receipts:
            self.xmpp.register_plugin("xep_0184", {"auto_ack": True, "auto_request": True})
        self.xmpp.add_event_handler("session_start", lambda _: self._started.set())
        self.xmpp.add_event_handler("message", self._on_message)
        self.xmpp.add_event_handler("receipt_received", lambda message: self.receipts.put_nowait(message["receipt"]))

    def _on_message(self, message) -> None:
        if message["body"]:
            self.heard.put_nowait(message["body"])

    async def log_in(self, tls: Tls) -> None:
        self.xmpp.enable_direct_tls = tls is Tls.DIRECT
        self.xmpp.enable_starttls = tls is Tls.STARTTLS
        self.xmpp.connect(self._endpoint.host, self._endpoint.port(tls))
        await within(self._started.wait(), "log in")
        await self.xmpp.get_roster()
        self.xmpp.send_presence()

    def say(self, to: str, text: str, state: str | None) -> None:
        message = self.xmpp.make_message(mto=to, mbody=text, mtype="chat")
        if state:
            message["chat_state"] = state
        message.send()

    def show(self, to: str, state: str) -> None:
        message = self.xmpp.make_message(mto=to, mtype="chat")
        message["chat_state"] = state
        message.send()


async def within(step, what: str) -> None:
    try:
        return await asyncio.wait_for(step, STEP_SECONDS)
    except TimeoutError as error:
        raise LabError(f"no {what} in {STEP_SECONDS} s") from error


def run(observed: Endpoint, server: Endpoint, alice: Account, bob: Account, receipts: bool, states: bool) -> None:
    """Alice goes through `observed`, Bob straight to the server; she has the settings, he answers whatever is asked."""
    asyncio.run(_play(observed, server, alice, bob, receipts, states))


async def _play(observed: Endpoint, server: Endpoint, alice: Account, bob: Account, receipts: bool, states: bool) -> None:
    ours = Person(alice, "ours", observed, receipts)
    theirs = Person(bob, "theirs", server, True)
    try:
        await theirs.log_in(Tls.STARTTLS)
        await ours.log_in(Tls.STARTTLS)
        for text in MESSAGES:
            if states:
                ours.show(f"{bob.jid}/theirs", "composing")
            ours.say(f"{bob.jid}/theirs", text, "active" if states else None)
            await within(theirs.heard.get(), "message")
            if receipts:
                await within(ours.receipts.get(), "receipt")
            theirs.say(f"{alice.jid}/ours", text, None)
            await within(ours.heard.get(), "answer")
        await asyncio.sleep(0.5)
    finally:
        await asyncio.gather(ours.xmpp.disconnect(wait=2), theirs.xmpp.disconnect(wait=2), return_exceptions=True)
