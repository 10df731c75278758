"""Publishes an empty OMEMO device list for an account.

Prosody 0.12 answers "no such node" without a sender, which profanity 0.13 does not recognise: it then
never publishes its first list. With any list there, it adds itself.
"""

import asyncio
from xml.etree import ElementTree

import slixmpp

from ..endpoint import Account, Endpoint

NODE = "eu.siacs.conversations.axolotl.devicelist"
STEP_SECONDS = 20


async def seed_device_list(server: Endpoint, account: Account) -> None:
    started = asyncio.Event()
    client = slixmpp.ClientXMPP(account.jid, account.password)
    client.ca_certs = server.ca
    client.enable_direct_tls = False
    client.register_plugin("xep_0060")
    client.add_event_handler("session_start", lambda _: started.set())
    client.connect(server.host, server.starttls_port)
    await asyncio.wait_for(started.wait(), STEP_SECONDS)
    options = client.plugin["xep_0004"].make_form("submit")
    options.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    options.add_field(var="pubsub#access_model", value="open")
    empty = ElementTree.Element("{eu.siacs.conversations.axolotl}list")
    await client.plugin["xep_0060"].publish(account.jid, NODE, "current", empty, options)
    await client.disconnect(wait=2)
