"""Real OMEMO traffic, as the session of one client sees it, for checking that the audit suspects nothing.

    python make_omemo.py COUNT > traffic.jsonl      lines for `stanzascope scan`

Three accounts with five devices talk to each other with python-omemo, in both namespaces: directly and in a room, with key exchanges, ratchet
steps in both directions, empty messages, lost and late messages, bundles and device lists in between, carbons and archived copies. The view is that of alice's first
device. Everything is made here; nothing goes over a network.
"""

import asyncio
import json
import random
import sys
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import oldmemo
import oldmemo.etree
import omemo
import twomemo
import twomemo.etree
from omemo.storage import Just, Nothing

LEGACY = oldmemo.oldmemo.NAMESPACE
CURRENT = twomemo.twomemo.NAMESPACE
ETREE = {LEGACY: oldmemo.etree, CURRENT: twomemo.etree}
VIEW = "alice@a.example"
ROOM = "allotment@rooms.a.example"
ACCOUNTS = {"alice@a.example": 2, "bob@b.example": 2, "carol@c.example": 1}
FALLBACK = {
    LEGACY: "I sent you an OMEMO encrypted message but your client doesn’t seem to support that. "
    "Find more information on https://conversations.im/omemo",
    CURRENT: "This message is encrypted with OMEMO 2 but could not be decrypted",
}
WORDS = "the kettle train garden is at nine please ok where leaves bring tomorrow ça Wörter 你好 🙂 seeds".split()
PUBSUB = "http://jabber.org/protocol/pubsub"


class World:
    """The server: what was published, what is under way, and the lines that alice's first device causes or sees."""

    def __init__(self, namespace: str, seed: int, out):
        self.namespace = namespace
        self.random = random.Random(seed)
        self.out = out
        self.devices: list[Device] = []
        self.lists: dict[str, dict] = {}
        self.bundles: dict[tuple[str, int], omemo.Bundle] = {}
        self.under_way: list[tuple[Device, omemo.Message]] = []
        self.messages = 0
        self.ids = 0
        self.sent: list[str] = []

    def line(self, xml: str, direction: str, session: str = "alice-1") -> None:
        self.out.write(json.dumps({"xml": xml, "direction": direction, "session": f"{self.namespace} {session}"}) + "\n")

    def id(self) -> str:
        self.ids += 1
        return f"i{self.ids}"

    def node(self, kind: str, device: int | None = None) -> str:
        if self.namespace == LEGACY:
            return f"{LEGACY}.devicelist" if kind == "devices" else f"{LEGACY}.bundles:{device}"
        return f"{CURRENT}:{kind}"

    def published(self, device: "Device", kind: str, element: ET.Element, item: str) -> None:
        """A client publishes something: seen by the proxy if it is one of alice's, which both go through it."""
        if device.account != VIEW:
            return
        node = self.node(kind, int(item) if item.isdigit() else None)
        item_id = "current" if self.namespace == LEGACY else item
        self.line(
            f"<iq type='set' id='{self.id()}'><pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='{item_id}'>{text(element)}</item></publish>"
            "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'><value>open</value></field></x>"
            "</publish-options></pubsub></iq>",
            "client_to_server",
            device.session,
        )

    def list_changed(self, account: str) -> None:
        element = ETREE[self.namespace].serialize_device_list(self.lists[account])
        self.line(
            f"<message from='{account}' to='{VIEW}/1'><event xmlns='{PUBSUB}#event'><items node='{self.node('devices')}'>"
            f"<item id='current'>{text(element)}</item></items></event></message>",
            "server_to_client",
        )

    def fetched(self, device: "Device", bundle: omemo.Bundle) -> None:
        if device.session != "alice-1":
            return
        element = ETREE[self.namespace].serialize_bundle(bundle)
        item = "current" if self.namespace == LEGACY else bundle.device_id
        self.line(
            f"<iq type='result' from='{bundle.bare_jid}' to='{VIEW}/1' id='{self.id()}'><pubsub xmlns='{PUBSUB}'>"
            f"<items node='{self.node('bundles', bundle.device_id)}'><item id='{item}'>{text(element)}</item></items></pubsub></iq>",
            "server_to_client",
        )

    def message_sent(self, device: "Device", message: omemo.Message, to: str, groupchat: bool = False) -> None:
        """Puts a message under way and writes it as alice's first device sees it."""
        rng = self.random
        container = text(ETREE[self.namespace].serialize_message(message))
        beside = ""
        if not message.content.empty and rng.random() < 0.8:
            beside += f"<body>{escape(FALLBACK[self.namespace])}</body>"
        if rng.random() < 0.9:
            beside += f"<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='{self.namespace}'/>"
        beside += "<store xmlns='urn:xmpp:hints'/>"
        if self.namespace == LEGACY and rng.random() < 0.5:
            beside += "<request xmlns='urn:xmpp:receipts'/><active xmlns='http://jabber.org/protocol/chatstates'/>"
        kind = "groupchat" if groupchat else "chat"

        def stanza(sender: str, recipient: str) -> str:
            return (
                f"<message xmlns='jabber:client' from='{sender}' to='{recipient}' type='{kind}' id='{self.id()}'>{container}{beside}</message>"
            )

        own = f"{device.account}/{device.number}"
        if device.session == "alice-1":
            xml = stanza(own, to)
            self.line(xml.replace(f" from='{own}'", ""), "client_to_server")
            self.sent.append(xml)
        if groupchat:
            nick = f"{ROOM}/{device.account.split('@')[0]}{device.number}"
            self.line(stanza(nick, f"{VIEW}/1"), "server_to_client")
        elif device.session == "alice-2":
            self.line(
                f"<message from='{VIEW}' to='{VIEW}/1'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>{stanza(own, to)}"
                "</forwarded></sent></message>",
                "server_to_client",
            )
        elif device.account != VIEW and to == VIEW:
            self.line(stanza(own, VIEW), "server_to_client")
        # Counted are those that alice's first device sends or gets to see.
        self.messages += groupchat or VIEW in (device.account, to)
        self.under_way.append((device, message))

    async def deliver(self) -> None:
        """Messages arrive, nearly always in order; a few are late, a few get lost."""
        rng = self.random
        while self.under_way and (len(self.under_way) > 6 or rng.random() < 0.97):
            sender, message = self.under_way.pop(0 if rng.random() < 0.95 else rng.randrange(len(self.under_way)))
            if rng.random() < 0.02:
                continue
            for device in list(self.devices):
                wanted = any(key.bare_jid == device.account and key.device_id == device.id for key, _ in message.keys)
                if device is not sender and wanted:
                    await device.receive(message)


def text(element: ET.Element) -> str:
    """Without prefixes, as clients write it."""
    namespace = element.tag[1:].split("}")[0]
    for each in element.iter():
        each.tag = each.tag.split("}")[1]
    element.set("xmlns", namespace)
    return ET.tostring(element, encoding="unicode")


class Storage(omemo.Storage):
    """In memory."""

    def __init__(self):
        super().__init__(disable_cache=True)
        self.values = {}

    async def _load(self, key):
        return Just(self.values[key]) if key in self.values else Nothing()

    async def _store(self, key, value):
        self.values[key] = value

    async def _delete(self, key):
        self.values.pop(key, None)


class Device:
    """One client of an account."""

    def __init__(self, world: World, account: str, number: int):
        self.world, self.account, self.number = world, account, number
        self.session = f"{account.split('@')[0]}-{number}"
        self.id = 0
        self.received = self.failed = 0

    async def begin(self) -> None:
        world, device = self.world, self

        class Manager(omemo.SessionManager):
            @staticmethod
            async def _upload_bundle(bundle):
                world.bundles[(device.account, bundle.device_id)] = bundle
                element = ETREE[bundle.namespace].serialize_bundle(bundle)
                world.published(device, "bundles", element, str(bundle.device_id))

            @staticmethod
            async def _download_bundle(namespace, bare_jid, device_id):
                bundle = world.bundles.get((bare_jid, device_id))
                if bundle is None:
                    raise omemo.BundleDownloadFailed()
                world.fetched(device, bundle)
                return bundle

            @staticmethod
            async def _delete_bundle(namespace, device_id):
                world.bundles.pop((device.account, device_id), None)

            @staticmethod
            async def _upload_device_list(namespace, device_list):
                world.lists[device.account] = dict(device_list)
                world.published(device, "devices", ETREE[namespace].serialize_device_list(device_list), "current")

            @staticmethod
            async def _download_device_list(namespace, bare_jid):
                return dict(world.lists.get(bare_jid, {}))

            async def _evaluate_custom_trust_level(self, device):
                return omemo.TrustLevel.TRUSTED

            async def _make_trust_decision(self, undecided, identifier):
                raise AssertionError("everybody is trusted")

            @staticmethod
            async def _send_message(message, bare_jid):
                world.message_sent(device, message, bare_jid)

        storage = Storage()
        backend = (oldmemo.Oldmemo if world.namespace == LEGACY else twomemo.Twomemo)(storage)
        label = f"The {self.number}. client" if world.namespace == CURRENT else None
        self.manager = await Manager.create([backend], storage, self.account, label, "blindly", pre_key_refill_threshold=99)
        (own, _) = await self.manager.get_own_device_information()
        self.id = own.device_id
        await self.manager.after_history_sync()
        world.devices.append(self)
        world.list_changed(self.account)
        for account, devices in world.lists.items():
            await self.manager.update_device_list(world.namespace, account, devices)
        for other in world.devices:
            if other is not self:
                await other.manager.update_device_list(world.namespace, self.account, world.lists[self.account])

    async def send(self, recipients: set[str], groupchat: bool) -> None:
        world, rng = self.world, self.world.random
        body = " ".join(rng.choices(WORDS, k=rng.choice([1, 1, 2, 3, 8, 40])))
        plain = body.encode()
        if world.namespace == CURRENT:
            padding = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=rng.randrange(200)))
            plain = (
                f"<envelope xmlns='urn:xmpp:sce:1'><content><body xmlns='jabber:client'>{body}</body></content><rpad>{padding}</rpad>"
                f"<from jid='{self.account}'/></envelope>"
            ).encode()
        messages, errors = await self.manager.encrypt(frozenset(recipients), {world.namespace: plain})
        assert not errors, errors
        (to,) = [ROOM] if groupchat else recipients
        for message in messages:
            world.message_sent(self, message, to, groupchat)

    async def receive(self, message: omemo.Message) -> None:
        try:
            await self.manager.decrypt(message)
            self.received += 1
        except (omemo.DecryptionFailed, omemo.KeyExchangeFailed, omemo.NoSession):
            # Two that begin a session at the same time replace each other's: what was under way is lost. Begin again (XEP-0384 §6).
            self.failed += 1
            devices = await self.manager.get_device_information(message.bare_jid)
            await self.manager.replace_sessions(next(device for device in devices if device.device_id == message.device_id))


async def conversation(namespace: str, count: int, seed: int, out) -> int:
    """Writes the lines of one session until it has so many messages. Returns how many."""
    world = World(namespace, seed, out)
    rng = world.random
    accounts = [(account, number + 1) for account, devices in ACCOUNTS.items() for number in range(devices)]
    for account, number in accounts[:-1]:
        await Device(world, account, number).begin()
    late = accounts[-1]
    members = "".join(f"<item affiliation='member' jid='{account}'/>" for account in ACCOUNTS)
    world.line(
        f"<iq type='result' from='{ROOM}' to='{VIEW}/1' id='{world.id()}'><query xmlns='http://jabber.org/protocol/muc#admin'>{members}</query></iq>",
        "server_to_client",
    )
    while world.messages < count:
        if late and world.messages >= count // 10:
            await Device(world, *late).begin()
            late = None
        device = rng.choice(world.devices)
        others = sorted({other.account for other in world.devices} - {device.account})
        groupchat = not late and rng.random() < 0.2
        recipients = set(others) if groupchat else {rng.choice(others)}
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            await device.send(recipients, groupchat)
        await world.deliver()
        if world.sent and rng.random() < 0.03:
            copy = rng.choice(world.sent[-50:])
            world.line(
                f"<message to='{VIEW}/1'><result xmlns='urn:xmpp:mam:2' id='{world.id()}'><forwarded xmlns='urn:xmpp:forward:0'>{copy}</forwarded>"
                "</result></message>",
                "server_to_client",
            )
    for device in world.devices:
        assert device.received > 2 * device.failed, f"{device.session} read {device.received} messages and failed on {device.failed}"
    return world.messages


def make(count: int, out) -> int:
    """`count` messages, in conversations of at most 2,000, half of them in each namespace."""
    made = conversations = 0
    while made < count:
        for namespace in (LEGACY, CURRENT):
            conversations += 1
            made += asyncio.run(conversation(namespace, min(2000, max(1, count // 2)), conversations, out))
    return made


if __name__ == "__main__":
    began = time.monotonic()
    made = make(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, sys.stdout)
    print(f"{made} messages in {time.monotonic() - began:.0f} s", file=sys.stderr)
