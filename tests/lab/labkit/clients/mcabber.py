"""mcabber, from Debian's package: no OMEMO, GnuTLS without SNI, logs in with PLAIN."""

import os
import re
from pathlib import Path

from ..endpoint import Account, Endpoint, Tls
from ..ground_truth import GroundTruth
from .tmux import Terminal

# mcabber checks that its certificate names the address it dials.
SETTINGS = """\
set jid = {jid}
set password = {password}
set resource = {resource}
set disable_random_resource = 1
set server = {host}
set port = {port}
set {security} = 1
set ssl_ca = {ca}
set nickname = {localpart}
set carbons = 1
set logging = 0
set beep_on_message = 0
set pgp = 0
"""


class Mcabber:
    def __init__(
        self, account: Account, resource: str, endpoint: Endpoint, tls: Tls, directory: Path, truth: GroundTruth
    ):
        self._truth = truth
        home = directory / f"mcabber-{account.localpart}"
        home.mkdir()
        settings = home / "mcabberrc"
        settings.write_text(
            SETTINGS.format(
                jid=account.jid,
                localpart=account.localpart,
                password=account.password,
                resource=resource,
                host=endpoint.host,
                port=endpoint.port(tls),
                security="tls" if tls is Tls.STARTTLS else "ssl",
                ca=endpoint.ca,
            )
        )
        settings.chmod(0o600)
        truth.emitted("account", account.jid)
        truth.emitted("resource", resource)
        truth.secrets.append(account.password)
        self._terminal = Terminal(
            "mcabber",
            ["mcabber", "-f", str(settings)],
            home,
            {"HOME": str(home), "TERM": os.environ.get("TERM", "xterm")},
        )
        self._terminal.wait_for("Connection established")
        self._terminal.wait_for("Your status has been set")

    def befriend(self, contact: Account, name: str, group: str) -> None:
        """Asks for and allows presence; the contact's client has to do the same."""
        self._truth.emitted("roster name", name)
        self._truth.emitted("roster group", group)
        self._terminal.type(f"/add {contact.jid} {name}")
        self._terminal.wait_for("Sent presence notification request")
        self._terminal.wait_for("wants to subscribe")
        self._terminal.type(f"/authorization allow {contact.jid}")
        self._select(name)
        self._terminal.type(f"/move {group}")
        self._terminal.wait_for(f"--- {re.escape(group[:12])}")

    def set_status(self, show: str, status: str) -> None:
        self._truth.emitted("presence show", show)
        self._truth.emitted("presence status", status)
        self._terminal.type(f"/status {show} {status}")
        self._terminal.wait_for(f"Your status has been set: .*{re.escape(status)}")

    def say(self, to: str, text: str) -> None:
        self._truth.emitted("addressee", to)
        self._terminal.type(f"/say_to {to} {text}")

    def expect(self, text: str) -> None:
        """Waits for `text` in the window of the buddy or room chosen last."""
        self._terminal.wait_for(re.escape(text))

    def create_room(self, room: str, nick: str) -> None:
        self._truth.emitted("room", room)
        self._truth.emitted("room nickname", nick)
        self._terminal.type(f"/room join {room} {nick}")
        self._terminal.wait_for(f"You have joined {re.escape(room)}")
        self._select(room)
        self._terminal.type("/room unlock")

    def quit(self) -> None:
        self._terminal.type("/quit")
        self._terminal.wait_for_end()

    def close(self) -> None:
        self._terminal.close()

    def _select(self, buddy: str) -> None:
        """Makes `buddy` the one that commands and lines go to."""
        self._terminal.type(f"/roster search {buddy}")
        self._terminal.wait_for(rf"(Buddy|Room|Conference|MUC): {re.escape(buddy)}")
        # An empty line opens the window of what is chosen.
        self._terminal.type("")
