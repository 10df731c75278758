"""mcabber, which cannot encrypt, and slixmpp: contacts, readable messages both ways, a room."""

import asyncio
from pathlib import Path

from ..clients.mcabber import Mcabber
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
    mcabber = await terminal(Mcabber, alice, f"console-{random_word(2)}", endpoint, tls, directory, truth)
    try:
        await desk.log_in(tls, None, f"Back from {random_word()}")
        befriended = terminal(mcabber.befriend, bob, f"Bob {random_word().title()}", f"Friends of {random_word()}")
        await asyncio.gather(befriended, desk.subscribed_both_ways(alice))

        await terminal(mcabber.say, bob.jid, question := truth.leak("is the train late"))
        await desk.expect(question, encrypted=False)
        desk.send_readable(alice.jid, answer := truth.leak("by ten minutes"))
        await terminal(mcabber.expect, answer)

        await terminal(mcabber.set_status, "away", f"Looking for {random_word()}")
        room = f"trains-{random_word()}@conference.{DOMAIN}"
        await terminal(mcabber.create_room, room, f"Alice-{random_word(3)}")
        await terminal(mcabber.say, room, remark := truth.leak("nobody here yet"))
        await terminal(mcabber.expect, remark)
        await terminal(mcabber.quit)
    finally:
        await asyncio.gather(desk.log_out(), return_exceptions=True)
        mcabber.close()
