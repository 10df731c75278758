"""Prosody, from Debian's package, as our own process with its own configuration and data."""

import subprocess
from pathlib import Path

from .endpoint import DOMAIN, Account, Endpoint
from .ports import LOOPBACK, free_port
from .process import OwnProcess
from .tls import LabCertificates

# `internal_plain` is what makes Prosody offer SCRAM-SHA-256 beside SCRAM-SHA-1.
CONFIG = """\
run_as_root = true
daemonize = false
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{directory}/prosody.log" }} }}

interfaces = {{ "{host}" }}
c2s_ports = {{ {starttls_port} }}
c2s_direct_tls_ports = {{ {direct_port} }}
s2s_ports = {{}}
http_ports = {{}}
http_interfaces = {{ "{host}" }}
https_ports = {{ {https_port} }}
https_interfaces = {{ "{host}" }}
ssl = {{ certificate = "{certificate}", key = "{key}" }}
https_ssl = {{ certificate = "{certificate}", key = "{key}" }}

plugin_paths = {{ "/usr/lib/prosody/modules" }}
modules_enabled = {{
    "roster", "saslauth", "tls", "disco", "ping", "version", "time", "uptime",
    "pep", "private", "vcard4", "vcard_legacy", "bookmarks", "blocklist",
    "carbons", "mam", "smacks", "csi", "csi_simple", "cloud_notify",
    "limits", "posix",
}}
modules_disabled = {{ "s2s", "admin_shell", "admin_socket" }}
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
c2s_require_encryption = {require_encryption}
allow_unencrypted_plain_auth = {allow_unencrypted_plain_auth}
limits = {{ c2s = {{ rate = "10mb/s" }} }}

VirtualHost "{domain}"

Component "conference.{domain}" "muc"
    name = "Lab rooms"
    modules_enabled = {{ "muc_mam" }}
    restrict_room_creation = "local"
    muc_room_default_public = false
    muc_room_default_members_only = true
    muc_room_default_public_jids = true

Component "upload.{domain}" "http_file_share"
    http_host = "{host}"
    http_external_url = "https://{host}:{https_port}/"
    http_file_share_size_limit = 1024 * 1024
"""


class Prosody:
    """`clear_text` lets clients log in without TLS, which real servers refuse: for a proxy that ends TLS itself."""

    name = "prosody"

    def __init__(
        self,
        directory: Path,
        certificates: LabCertificates,
        clear_text: bool = False,
        outlive_us: bool = False,
    ):
        self.endpoint = Endpoint(LOOPBACK, free_port(), free_port(), certificates.ca, certificates.ca)
        # With TLS optional, the same port takes clear text.
        self.clear_port = self.endpoint.starttls_port if clear_text else None
        (directory / "data").mkdir()
        (directory / "certs").mkdir()  # Prosody looks there first and complains when it is missing.
        self._config = directory / "prosody.cfg.lua"
        self._config.write_text(
            CONFIG.format(
                directory=directory,
                host=LOOPBACK,
                domain=DOMAIN,
                starttls_port=self.endpoint.starttls_port,
                direct_port=self.endpoint.direct_port,
                https_port=free_port(),
                certificate=certificates.certificate,
                key=certificates.key,
                require_encryption="false" if clear_text else "true",
                allow_unencrypted_plain_auth="true" if clear_text else "false",
            )
        )
        self.process = OwnProcess(
            self.name, ["prosody", "--config", str(self._config), "-F"], directory, outlive_us=outlive_us
        )
        try:
            self.process.wait_for_port(self.endpoint.starttls_port)
            self.process.wait_for_port(self.endpoint.direct_port)
        except BaseException:
            self.stop()
            raise

    def register(self, account: Account) -> None:
        subprocess.run(
            [
                "prosodyctl",
                "--config",
                str(self._config),
                "register",
                account.localpart,
                account.domain,
                account.password,
            ],
            check=True,
            capture_output=True,
            text=True,
        )

    def stop(self) -> None:
        self.process.stop()
