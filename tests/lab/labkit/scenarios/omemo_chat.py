"""Two people with OMEMO, one of them with two devices: contacts, a chat, a room, a file."""

import asyncio

from ..clients.slix import Device
from ..endpoint import DOMAIN, Account, Endpoint, Tls
from ..ground_truth import GroundTruth, random_word


def run(endpoint: Endpoint, tls: Tls, alice: Account, bob: Account, leak: bool = False) -> GroundTruth:
    """Plays the scenario; raises when a message does not arrive or does not decrypt.

    With `leak`, one message in the encrypted chat goes out in the clear.
    """
    truth = GroundTruth()
    asyncio.run(_play(endpoint, tls, alice, bob, leak, truth))
    return truth


async def _play(endpoint: Endpoint, tls: Tls, alice: Account, bob: Account, leak: bool, truth: GroundTruth) -> None:
    phone = Device(alice, f"phone-{random_word(2)}", endpoint, truth)
    laptop = Device(alice, f"laptop-{random_word(2)}", endpoint, truth)
    desk = Device(bob, f"desk-{random_word(2)}", endpoint, truth)
    devices = [phone, laptop, desk]
    try:
        await phone.log_in(tls, None, f"On the way to {random_word()}")
        await laptop.log_in(tls, "dnd", f"Writing about {random_word()}")
        await desk.log_in(tls, "away", f"Gardening in {random_word()}")
        await phone.befriend(desk, name=f"Bob {random_word().title()}", group=f"Friends of {random_word()}")
        await phone.publish_nickname(f"Alice {random_word().title()}")

        await _chat(phone, laptop, desk, truth, leak)
        await _room(phone, desk, truth)
        address = await phone.upload(f"holiday-{random_word()}.txt", b"a short file\n" * 40)
        await phone.send_encrypted(bob.jid, secret := truth.canary(f"see {address}"), [bob])
        await desk.expect(secret)

        phone.set_presence("xa", f"Gone to {random_word()}")
        await asyncio.sleep(0.5)
    finally:
        await asyncio.gather(*(device.log_out() for device in devices), return_exceptions=True)


async def _chat(phone: Device, laptop: Device, desk: Device, truth: GroundTruth, leak: bool) -> None:
    alice, bob = phone.account, desk.account
    await phone.learn_devices(bob, 1)
    await phone.learn_devices(alice, 2)
    await desk.learn_devices(alice, 2)

    phone.send_typing(bob.jid)
    await phone.send_encrypted(bob.jid, question := truth.canary("did the bicycle arrive"), [bob])
    await desk.expect(question)
    await laptop.expect(question)
    await desk.send_encrypted(alice.jid, answer := truth.canary("yes, it stands in the shed"), [alice])
    await phone.expect(answer)
    await laptop.expect(answer)
    if leak:
        phone.send_readable(bob.jid, slip := truth.leak("oh, and the key is under the"))
        await desk.expect(slip, encrypted=False)
        await phone.send_encrypted(bob.jid, after := truth.canary("that should have been encrypted"), [bob])
        await desk.expect(after)


async def _room(phone: Device, desk: Device, truth: GroundTruth) -> None:
    room = f"book-club-{random_word()}@conference.{DOMAIN}"
    await phone.create_room(room, f"Alice-{random_word(3)}", [desk.account])
    await desk.join_room(room, f"Bob-{random_word(3)}")
    await phone.send_encrypted(room, word := truth.canary("chapter nine is the best"), [desk.account], kind="groupchat")
    await desk.expect(word)
