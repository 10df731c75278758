-- A test server for the proxy that shares its network: in clear, and on loopback alone, so that clients that bind
-- their login to the TLS channel get in.
daemonize = false
pidfile = (ENV_PROSODY_RUN or "/run/prosody") .. "/prosody.pid"
data_path = ENV_PROSODY_DATA or "/var/lib/prosody"
log = { info = "*console" }

interfaces = { "127.0.0.1" }
c2s_ports = { 5322 }
s2s_ports = {}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true

modules_enabled = {
    "roster", "saslauth", "disco", "ping", "version", "time", "pep", "private", "vcard4", "vcard_legacy",
    "bookmarks", "blocklist", "carbons", "mam", "smacks", "csi_simple", "limits",
}
modules_disabled = { "s2s", "tls", "admin_shell", "admin_socket" }
authentication = "internal_plain"
storage = "internal"

VirtualHost "lab.test"

Component "conference.lab.test" "muc"
    modules_enabled = { "muc_mam" }
    restrict_room_creation = "local"
    muc_room_default_members_only = true
    muc_room_default_public_jids = true
