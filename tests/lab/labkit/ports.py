"""Free TCP ports on loopback."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below Linux's usual range for outgoing connections (32768 and up), so that a port chosen now is not
# taken by somebody's outgoing connection before the server binds it.
FIRST, LAST = 20000, 31999

_handed_out: set[int] = set()


def free_port() -> int:
    """A port nobody listens on, never the same one twice in this process."""
    for _ in range(200):
        port = random.randint(FIRST, LAST)
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port
    raise RuntimeError(f"found no free port between {FIRST} and {LAST} on {LOOPBACK}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, take a port whose last connections are still fading.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
