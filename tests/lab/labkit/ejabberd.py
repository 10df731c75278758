"""ejabberd, from Debian's package, as our own process with its own configuration and data.

`ejabberdctl` insists on root or the package's own user and on a node name registered with epmd, which a
system-wide ejabberd shares. We start the Erlang machine as `ejabberdctl foreground` would, but without a
node name: no epmd, no distribution port, any user. Accounts are made through the HTTP API instead.
"""

import json
import urllib.request
from pathlib import Path

from .endpoint import DOMAIN, Account, Endpoint
from .ports import LOOPBACK, free_port
from .process import LabError, OwnProcess
from .tls import LabCertificates

# By itself, 23.01 keeps one item per personal node and refuses `pubsub#max_items`, and so loses all but one
# of the bundles in the one node of `urn:xmpp:omemo:2`.
CONFIG = """\
loglevel: info
log_rotate_count: 0
hosts: ["{domain}"]
certfiles: ["{combined}"]
s2s_use_starttls: required
auth_method: internal
auth_password_format: plain
disable_sasl_mechanisms: [digest-md5, X-OAUTH2]
new_sql_schema: true

listen:
  - port: {starttls_port}
    ip: "{host}"
    module: ejabberd_c2s
    starttls: true
    starttls_required: true
    access: all
  - port: {direct_port}
    ip: "{host}"
    module: ejabberd_c2s
    tls: true
    access: all
  - port: {clear_port}
    ip: "{host}"
    module: ejabberd_c2s
    access: all
  - port: {api_port}
    ip: "{host}"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
  - port: {https_port}
    ip: "{host}"
    module: ejabberd_http
    tls: true
    request_handlers:
      /upload: mod_http_upload

acl:
  local:
    user_regexp: ""
  loopback:
    ip: ["127.0.0.0/8"]

access_rules:
  local:
    allow: local

api_permissions:
  "the lab itself":
    who:
      access:
        allow:
          - acl: loopback
    what: [register, status]

modules:
  mod_adhoc: {{}}
  mod_admin_extra: {{}}
  mod_avatar: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_http_api: {{}}
  mod_http_upload:
    host: "upload.{domain}"
    docroot: "{directory}/upload"
    put_url: "https://{host}:{https_port}/upload"
    get_url: "https://{host}:{https_port}/upload"
  mod_last: {{}}
  mod_mam:
    default: always
    request_activates_archiving: false
  mod_muc:
    host: "conference.{domain}"
    access_create: local
    default_room_options:
      mam: true
      members_only: true
      anonymous: false
      persistent: true
      public: false
      allow_subscription: true
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub:
    access_createnode: local
    plugins: [flat, pep]
    force_node_config:
      "eu.siacs.conversations.axolotl.*":
        access_model: open
        max_items: 1
      "urn:xmpp:omemo:2:devices":
        access_model: open
        max_items: 1
      "urn:xmpp:omemo:2:bundles":
        access_model: open
        max_items: 100
      "storage:bookmarks":
        access_model: whitelist
  mod_push: {{}}
  mod_roster:
    versioning: true
  mod_stream_mgmt:
    resend_on_timeout: if_offline
  mod_time: {{}}
  mod_vcard:
    search: false
  mod_vcard_xupdate: {{}}
  mod_version: {{}}
"""


class Ejabberd:
    name = "ejabberd"

    def __init__(
        self,
        directory: Path,
        certificates: LabCertificates,
        outlive_us: bool = False,
    ):
        self.endpoint = Endpoint(LOOPBACK, free_port(), free_port(), certificates.ca, certificates.ca)
        self.clear_port = free_port()
        self._api_port = free_port()
        combined = directory / "server-and-key.pem"
        combined.write_text(certificates.certificate.read_text() + certificates.key.read_text())
        config = directory / "ejabberd.yml"
        config.write_text(
            CONFIG.format(
                directory=directory,
                host=LOOPBACK,
                domain=DOMAIN,
                starttls_port=self.endpoint.starttls_port,
                direct_port=self.endpoint.direct_port,
                clear_port=self.clear_port,
                api_port=self._api_port,
                https_port=free_port(),
                combined=combined,
            )
        )
        self.process = OwnProcess(
            self.name,
            ["erl", "-noinput", "-mnesia", "dir", f'"{directory}/database"', "-s", "ejabberd"],
            directory,
            env={
                "EJABBERD_CONFIG_PATH": str(config),
                "EJABBERD_LOG_PATH": str(directory / "ejabberd.log"),
                "ERL_CRASH_DUMP_BYTES": "0",
                "ERL_LIBS": _erlang_libraries(),
                "HOME": str(directory),
            },
            outlive_us=outlive_us,
        )
        try:
            self.process.wait_until(self._started, "start", timeout=60)
        except BaseException:
            self.stop()
            raise

    def register(self, account: Account) -> None:
        self._call("register", user=account.localpart, host=account.domain, password=account.password)

    def stop(self) -> None:
        self.process.stop()

    def _started(self) -> bool:
        try:
            return "is running" in self._call("status")
        except OSError:
            return False

    def _call(self, command: str, **arguments: str) -> str:
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self._api_port}/api/{command}",
            data=json.dumps(arguments).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()


def _erlang_libraries() -> str:
    """Where Debian puts ejabberd's modules, which depends on the processor."""
    for found in Path("/usr/lib").glob("*/ejabberd-*/ebin"):
        return str(found.parents[1])
    raise LabError("found no ejabberd under /usr/lib (apt-get install ejabberd)")
