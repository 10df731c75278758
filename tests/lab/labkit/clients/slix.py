"""One device of an account, run by slixmpp with OMEMO.

Messages are encrypted in the legacy namespace; keys are published for `urn:xmpp:omemo:2` as well.
"""

import asyncio
import contextlib
import ssl
import urllib.request
from dataclasses import dataclass

import slixmpp
from slixmpp.exceptions import IqError

from ..endpoint import Account, Endpoint, Tls
from ..ground_truth import GroundTruth
from ..process import LabError
from .omemo_memory import add_omemo

STEP_SECONDS = 20
OMEMO = "eu.siacs.conversations.axolotl"
DEVICE_LIST = f"{OMEMO}.devicelist"
PLUGINS = [
    "xep_0030",  # service discovery
    "xep_0045",  # rooms
    "xep_0085",  # chat states
    "xep_0092",  # software version
    "xep_0115",  # capabilities, which also ask for the contacts' device lists
    "xep_0163",  # personal eventing
    "xep_0172",  # nickname
    "xep_0198",  # stream management
    "xep_0199",  # ping
    "xep_0280",  # carbons
    "xep_0352",  # client state
    "xep_0363",  # file upload
    "xep_0380",  # "this is encrypted"
]


@dataclass(frozen=True)
class Received:
    text: str
    # Whether the text was inside OMEMO.
    encrypted: bool
    # `direct`, `carbon` or `groupchat`.
    via: str


class Device:
    def __init__(
        self, account: Account, resource: str, endpoint: Endpoint, truth: GroundTruth, legacy_only: bool = False
    ):
        self.account = account
        self.inbox: asyncio.Queue[Received] = asyncio.Queue()
        self._endpoint = endpoint
        self._truth = truth
        self._initialized = asyncio.Event()
        self._started = asyncio.Event()
        self._failure: str | None = None

        self.xmpp = slixmpp.ClientXMPP(f"{account.jid}/{resource}", account.password)
        self.xmpp.ca_certs = endpoint.ca
        for plugin in PLUGINS:
            self.xmpp.register_plugin(plugin)
        add_omemo(self.xmpp, legacy_only)
        on = self.xmpp.add_event_handler
        on("omemo_initialized", lambda _: self._initialized.set())
        on("session_start", lambda _: self._started.set())
        on("failed_all_auth", self._on_auth_failure)
        on("connection_failed", self._on_connection_failure)
        on("message", self._on_message)
        on("carbon_received", self._on_carbon_received)
        on("carbon_sent", self._on_carbon_sent)

        truth.emitted("account", account.jid)
        truth.emitted("resource", resource)
        truth.secrets.append(account.password)

    async def log_in(self, tls: Tls, show: str | None, status: str) -> None:
        """Connects, logs in, publishes the device's OMEMO keys and its presence."""
        # Left alone it tries direct TLS first, on whatever port it is given.
        self.xmpp.enable_direct_tls = tls is Tls.DIRECT
        self.xmpp.enable_starttls = tls is Tls.STARTTLS
        self.xmpp.connect(self._endpoint.host, self._endpoint.port(tls))
        await self._step(self._started.wait(), "log in")
        await self.xmpp.get_roster()
        await self.xmpp.plugin["xep_0280"].enable()
        await self._step(self._initialized.wait(), "publish OMEMO keys")
        self._truth.emitted("device id", await self.device_id())
        self.set_presence(show, status)

    async def log_out(self) -> None:
        await self.xmpp.disconnect(wait=2)

    async def device_id(self) -> int:
        manager = await self.xmpp.plugin["xep_0384"].get_session_manager()
        own, _ = await manager.get_own_device_information()
        return own.device_id

    def set_presence(self, show: str | None, status: str) -> None:
        self.xmpp.send_presence(pshow=show, pstatus=self._truth.emitted("presence status", status))
        if show:
            self._truth.emitted("presence show", show)

    async def befriend(self, other: "Device", name: str, group: str) -> None:
        """Puts `other` into the roster and subscribes both ways, so that device lists are announced."""
        contact = other.account.jid
        self._truth.emitted("roster name", name)
        self._truth.emitted("roster group", group)
        await self.xmpp.update_roster(contact, name=name, groups=[group])
        # slixmpp approves by itself and asks back.
        self.xmpp.send_presence_subscription(pto=contact, ptype="subscribe")
        await self.subscribed_both_ways(other.account)
        await other.subscribed_both_ways(self.account)

    async def subscribed_both_ways(self, contact: Account) -> None:
        """Waits until either sees the other's presence."""

        async def both() -> None:
            while self.xmpp.client_roster[contact.jid]["subscription"] != "both":
                await asyncio.sleep(0.05)

        await self._step(both(), f"exchange subscriptions with {contact.jid}")

    async def publish_nickname(self, nickname: str) -> None:
        await self.xmpp.plugin["xep_0172"].publish_nick(self._truth.emitted("nickname", nickname))

    async def learn_devices(self, account: Account, count: int) -> None:
        """Waits until `account` has announced `count` devices, and takes note of them."""
        pubsub = self.xmpp.plugin["xep_0060"]

        async def announced() -> None:
            while True:
                with contextlib.suppress(IqError):
                    answer = await pubsub.get_items(account.jid, DEVICE_LIST, max_items=1)
                    if len(answer.xml.findall(f".//{{{OMEMO}}}device")) >= count:
                        return
                await asyncio.sleep(0.2)

        await self._step(announced(), f"see {count} device(s) of {account.jid}")
        manager = await self.xmpp.plugin["xep_0384"].get_session_manager()
        await manager.refresh_device_list(OMEMO, account.jid)

    async def send_encrypted(self, to: str, text: str, recipients: list[Account], kind: str = "chat") -> None:
        plain = self.xmpp.make_message(mto=to, mbody=text, mtype=kind)
        plain.set_to(slixmpp.JID(to))
        encrypted, errors = await self.xmpp.plugin["xep_0384"].encrypt_message(
            plain, {slixmpp.JID(account.jid) for account in recipients}
        )
        if encrypted is None or errors:
            raise LabError(f"{self.account.jid} cannot encrypt for {to}: {errors}")
        encrypted["eme"]["namespace"] = OMEMO
        encrypted["eme"]["name"] = "OMEMO"
        self._truth.emitted("addressee", to)
        encrypted.send()

    def send_readable(self, to: str, text: str) -> None:
        self._truth.emitted("addressee", to)
        self.xmpp.send_message(mto=to, mbody=text, mtype="chat")

    def send_typing(self, to: str) -> None:
        message = self.xmpp.make_message(mto=to, mtype="chat")
        message["chat_state"] = "composing"
        message.send()

    async def create_room(self, room: str, nick: str, members: list[Account]) -> None:
        """A room whose occupants see each other's addresses, as OMEMO needs."""
        await self.join_room(room, nick)
        muc = self.xmpp.plugin["xep_0045"]
        form = await muc.get_room_config(room)
        form.set_type("submit")
        wanted = {"muc#roomconfig_whois": "anyone", "muc#roomconfig_membersonly": True}
        form.set_values({**form.get_values(), **wanted})
        await muc.set_room_config(room, form)
        for member in members:
            await muc.set_affiliation(room, "member", jid=member.jid)

    async def join_room(self, room: str, nick: str) -> None:
        self._truth.emitted("room", room)
        self._truth.emitted("room nickname", nick)
        await self.xmpp.plugin["xep_0045"].join_muc_wait(slixmpp.JID(room), nick, maxstanzas=0, timeout=STEP_SECONDS)

    async def upload(self, name: str, content: bytes) -> str:
        """Asks for an upload slot, stores `content` there and returns the address to fetch it from."""
        plugin = self.xmpp.plugin["xep_0363"]
        service = await plugin.find_upload_service()
        if service is None:
            raise LabError("the server announces no upload service")
        self._truth.emitted("upload file name", name)
        self._truth.emitted("upload size", len(content))
        answer = await plugin.request_slot(service["from"], name, len(content), "text/plain")
        slot = answer["http_upload_slot"]
        headers = {header["name"]: header["value"] for header in slot["put"]["headers"]}
        put = urllib.request.Request(
            slot["put"]["url"], content, {"Content-Type": "text/plain", **headers}, method="PUT"
        )
        context = ssl.create_default_context(cafile=self._endpoint.upload_ca)
        await asyncio.to_thread(urllib.request.urlopen, put, timeout=STEP_SECONDS, context=context)
        return self._truth.emitted("upload address", slot["get"]["url"])

    async def expect(self, text: str, encrypted: bool = True) -> Received:
        """Waits for `text`, and insists that it came encrypted or readable as announced."""

        async def arrives() -> Received:
            while True:
                received = await self.inbox.get()
                if received.text == text:
                    return received

        received = await self._step(arrives(), f"receive {text!r}")
        if received.encrypted is not encrypted:
            raise LabError(f"{self.xmpp.boundjid} got {text!r} {'readable' if encrypted else 'encrypted'}")
        return received

    async def _on_message(self, message) -> None:
        await self._receive(message, "groupchat" if message["type"] == "groupchat" else "direct")

    async def _on_carbon_received(self, message) -> None:
        await self._receive(message["carbon_received"], "carbon")

    async def _on_carbon_sent(self, message) -> None:
        await self._receive(message["carbon_sent"], "carbon")

    async def _receive(self, message, via: str) -> None:
        omemo = self.xmpp.plugin["xep_0384"]
        if not omemo.is_encrypted(message):
            self.inbox.put_nowait(Received(message["body"], False, via))
            return
        decrypted, _ = await omemo.decrypt_message(message)
        self.inbox.put_nowait(Received(decrypted["body"], True, via))

    def _on_auth_failure(self, _) -> None:
        self._failure = "the server refused every login mechanism"

    def _on_connection_failure(self, reason) -> None:
        self._failure = f"connection failed: {reason}"

    async def _step(self, awaitable, what: str):
        """Waits for one step, and says which one it was when it takes too long."""
        try:
            return await asyncio.wait_for(awaitable, STEP_SECONDS)
        except TimeoutError:
            reason = f" ({self._failure})" if self._failure else ""
            raise LabError(f"{self.xmpp.boundjid} did not {what} within {STEP_SECONDS} s{reason}") from None
        except IqError as error:
            raise LabError(f"{self.xmpp.boundjid} could not {what}: {error.iq}") from error
