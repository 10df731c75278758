"""A client's stream by hand, for what no library would send."""

import base64
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from .endpoint import DOMAIN

HEADER = f"<stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"


@contextlib.contextmanager
def logged_in(host: str, port: int, ca: Path, name: str, password: str, source: str = "") -> Iterator[ssl.SSLSocket]:
    """A stream with direct TLS, logged in with PLAIN, with a bound resource. `source` is the address to come from."""
    context = ssl.create_default_context(cafile=ca)
    login = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    with (
        socket.create_connection((host, port), timeout=30, source_address=(source, 0)) as tcp,
        context.wrap_socket(tcp, server_hostname=DOMAIN) as stream,
    ):
        for said, answer in [
            (HEADER, b"</stream:features>"),
            (f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{login}</auth>", b"<success"),
            (HEADER, b"</stream:features>"),
            ("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", b"</iq>"),
        ]:
            stream.sendall(said.encode())
            got = b""
            while answer not in got:
                chunk = stream.recv(1 << 16)
                assert chunk, got
                got += chunk
        yield stream
