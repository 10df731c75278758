"""profanity and slixmpp, each with OMEMO: contacts, an encrypted chat both ways, a room."""

import asyncio
from pathlib import Path

from ..clients.profanity import Profanity
from ..clients.slix import Device
from ..endpoint import DOMAIN, Account, Endpoint, Tls
from ..ground_truth import GroundTruth, random_word


def run(endpoint: Endpoint, tls: Tls, alice: Account, bob: Account, directory: Path) -> GroundTruth:
    truth = GroundTruth()
    asyncio.run(_play(endpoint, tls, alice, bob, directory, truth))
    return truth


async def _play(
    endpoint: Endpoint, tls: Tls, alice: Account, bob: Account, directory: Path, truth: GroundTruth
) -> None:
    terminal = asyncio.to_thread
    desk = Device(bob, f"desk-{random_word(2)}", endpoint, truth)
    profanity = await terminal(Profanity, alice, f"terminal-{random_word(2)}", endpoint, tls, directory, truth)
    try:
        await terminal(profanity.make_omemo_keys)
        await desk.log_in(tls, "chat", f"Waiting for {random_word()}")
        await terminal(profanity.befriend, bob, f"Bob {random_word().title()}", f"Friends of {random_word()}")
        await desk.subscribed_both_ways(alice)
        await desk.learn_devices(alice, 1)

        await terminal(profanity.start_encrypted_chat, bob)
        await terminal(profanity.say, question := truth.canary("have you read it"))
        await desk.expect(question)
        await desk.send_encrypted(alice.jid, answer := truth.canary("up to the end"), [alice])
        await terminal(profanity.expect, answer)

        await terminal(profanity.set_status, "away", f"Looking for {random_word()}")
        await terminal(profanity.create_room, f"reading-{random_word()}@conference.{DOMAIN}", f"Alice-{random_word(3)}")
        await terminal(profanity.quit)
    finally:
        await asyncio.gather(desk.log_out(), return_exceptions=True)
        profanity.close()
