"""The session that `stanzascope demo` plays: what a small circle of friends does in two minutes.

Like `omemo_chat`, but with names a reader can follow and one message that leaks. Everything here ends up
in the repository, so nothing in it is secret: the accounts exist only while it is recorded.
"""

import asyncio
import contextlib

from ..clients.slix import Device
from ..endpoint import DOMAIN, Account, Endpoint, Tls
from ..ground_truth import GroundTruth

ROOM = f"allotment@conference.{DOMAIN}"


def run(
    endpoint: Endpoint,
    alice: Account,
    bob: Account,
    room: str = ROOM,
    bobs_endpoint: Endpoint | None = None,
    leak: bool = True,
) -> GroundTruth:
    """`bobs_endpoint` takes Bob past the proxy, so that he is a contact; without `leak` every message is encrypted."""
    truth = GroundTruth()
    asyncio.run(_play(endpoint, bobs_endpoint or endpoint, alice, bob, truth, room, leak))
    return truth


async def _play(
    endpoint: Endpoint, bobs_endpoint: Endpoint, alice: Account, bob: Account, truth: GroundTruth, room: str, leak: bool
) -> None:
    # Legacy OMEMO alone keeps the recording small: most of its bytes are published keys.
    phone = Device(alice, "phone", endpoint, truth, legacy_only=True)
    laptop = Device(alice, "laptop", endpoint, truth, legacy_only=True)
    desk = Device(bob, "garden-shed-pc", bobs_endpoint, truth, legacy_only=True)
    async with contextlib.AsyncExitStack() as later:
        for device in (phone, laptop, desk):
            later.push_async_callback(device.log_out)
        await phone.log_in(Tls.STARTTLS, None, "On the tram to the allotment")
        await laptop.log_in(Tls.DIRECT, "xa", "At home, lid closed")
        await desk.log_in(Tls.DIRECT, "chat", "In the greenhouse until six")
        await phone.befriend(desk, name="Bob from the allotment", group="Garden")
        await phone.publish_nickname("Alice W.")
        await phone.learn_devices(bob, 1)
        await phone.learn_devices(alice, 2)
        await desk.learn_devices(alice, 2)

        await _chat(phone, laptop, desk, leak)
        await _room(phone, desk, room)
        await _file(phone, desk)
        phone.set_presence("dnd", "Planting potatoes, back at eight")
        await asyncio.sleep(0.5)


async def _chat(phone: Device, laptop: Device, desk: Device, leak: bool) -> None:
    alice, bob = phone.account, desk.account
    phone.send_typing(bob.jid)
    for sender, receivers, text in [
        (phone, [desk, laptop], "Are the tomatoes ready?"),
        (desk, [phone, laptop], "Nearly. Come on Saturday, I will be there from nine."),
        (phone, [desk, laptop], "Good. I will bring the spare key."),
    ]:
        recipient = bob if sender is phone else alice
        await sender.send_encrypted(recipient.jid, text, [recipient])
        for receiver in receivers:
            await receiver.expect(text)
    if not leak:
        return
    # The leak: the same chat, and for one message the client does not encrypt.
    slip = "The key is under the third flower pot, gate code 4711"
    phone.send_readable(bob.jid, slip)
    await desk.expect(slip, encrypted=False)
    await desk.send_encrypted(alice.jid, reply := "That one was not encrypted!", [alice])
    await phone.expect(reply)


async def _room(phone: Device, desk: Device, room: str) -> None:
    await phone.create_room(room, "Alice", [desk.account])
    await desk.join_room(room, "Bob")
    text = "Who waters the beans next week?"
    await phone.send_encrypted(room, text, [desk.account], kind="groupchat")
    await desk.expect(text)


async def _file(phone: Device, desk: Device) -> None:
    address = await phone.upload("seed-list-2026.txt", b"beans, peas, potatoes\n" * 30)
    await phone.send_encrypted(desk.account.jid, text := f"My list: {address}", [desk.account])
    await desk.expect(text)
