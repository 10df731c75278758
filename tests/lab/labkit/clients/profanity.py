"""profanity, from Debian's package, with OMEMO, in a terminal of its own."""

import os
import re
import time
from pathlib import Path

from ..endpoint import Account, Endpoint, Tls
from ..ground_truth import GroundTruth
from ..process import LabError
from .tmux import Terminal

SETTINGS = """\
[ui]
splash=false
wrap=true

[logging]
chlog=true

[omemo]
policy=automatic
trustmode=blind
log=on

[otr]
policy=manual

[notifications]
message=off
"""

ACCOUNT = """\
[{jid}]
enabled=true
password={password}
resource={resource}
server={host}
port={port}
tls.policy={policy}
muc.nick={localpart}
presence.last=online
presence.login=online
"""


class Profanity:
    def __init__(
        self, account: Account, resource: str, endpoint: Endpoint, tls: Tls, directory: Path, truth: GroundTruth
    ):
        self._truth = truth
        home = directory / f"profanity-{account.localpart}"
        config, data = home / "config", home / "data"
        (config / "profanity").mkdir(parents=True)
        (data / "profanity").mkdir(parents=True)
        (config / "profanity" / "profrc").write_text(SETTINGS)
        (data / "profanity" / "accounts").write_text(
            ACCOUNT.format(
                jid=account.jid,
                localpart=account.localpart,
                password=account.password,
                resource=resource,
                host=endpoint.host,
                port=endpoint.port(tls),
                # `legacy` is what profanity calls direct TLS.
                policy="force" if tls is Tls.STARTTLS else "legacy",
            )
        )
        self._log = data / "profanity" / "logs" / "profanity.log"
        truth.emitted("account", account.jid)
        truth.emitted("resource", resource)
        truth.secrets.append(account.password)
        self._terminal = Terminal(
            "profanity",
            ["profanity", "--account", account.jid, "--log", "DEBUG"],
            home,
            {
                "HOME": str(home),
                "XDG_CONFIG_HOME": str(config),
                "XDG_DATA_HOME": str(data),
                "SSL_CERT_FILE": str(endpoint.ca),
                "SSL_CERT_DIR": str(home / "no-other-authority"),
                "TERM": os.environ.get("TERM", "xterm"),
            },
        )
        self._terminal.wait_for("logged in successfully")

    def make_omemo_keys(self) -> int:
        """Generates and publishes the device's keys, and returns its device id."""
        self._terminal.type("/omemo gen")
        device = int(self._terminal.wait_for(r"Your Device ID is (\d+)").group(1))
        self._terminal.wait_for(f"publish own device ID: {device}")
        self._truth.emitted("device id", device)
        return device

    def befriend(self, contact: Account, name: str, group: str) -> None:
        """Asks for and allows presence; the contact's client has to do the same."""
        self._truth.emitted("roster name", name)
        self._truth.emitted("roster group", group)
        self._terminal.type(f'/roster add {contact.jid} "{name}"')
        self._terminal.wait_for("Roster item added")
        self._terminal.type(f'/roster group add "{group}" "{name}"')
        self._terminal.wait_for(f"has been added to|{group}")
        self._terminal.type(f"/sub request {contact.jid}")
        self._terminal.wait_for("Received authorization request from")
        self._terminal.type(f"/sub allow {contact.jid}")

    def set_status(self, show: str, status: str) -> None:
        self._truth.emitted("presence show", show)
        self._truth.emitted("presence status", status)
        self._terminal.type(f'/status set {show} "{status}"')
        self._terminal.wait_for(rf"\[{show}\]")

    def start_encrypted_chat(self, contact: Account) -> None:
        """Ends when there are keys to encrypt with: before that, profanity drops what is typed."""
        self._truth.emitted("addressee", contact.jid)
        self._terminal.type(f"/msg {contact.jid}")
        self._terminal.type("/omemo start")
        self._terminal.wait_for(r"\[OMEMO\]")
        self._wait_for_log(rf"\[OMEMO\] create session with {re.escape(contact.jid)}")

    def say(self, text: str) -> None:
        """Sends a line to the chat or room that is on the screen."""
        self._terminal.type(text)

    def expect(self, text: str) -> None:
        self._terminal.wait_for(re.escape(text))

    def create_room(self, room: str, nick: str) -> None:
        self._truth.emitted("room", room)
        self._truth.emitted("room nickname", nick)
        self._terminal.type(f"/join {room} nick {nick}")
        self._terminal.wait_for("Room requires configuration|You have joined the room")
        self._terminal.type("/room accept")

    def quit(self) -> None:
        self._terminal.type("/quit")
        self._terminal.wait_for_end()

    def close(self) -> None:
        self._terminal.close()

    def _wait_for_log(self, pattern: str, timeout: float = 20) -> None:
        """Waits for a line in profanity's own log, for what the screen does not show."""
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self._log.read_text(errors="replace")):
            if time.monotonic() > deadline:
                raise LabError(f"profanity never logged /{pattern}/ in {timeout:.0f} s, see {self._log}")
            time.sleep(0.05)
