"""What clients, the proxy and the tests need to know about a server, whichever it is."""

import secrets
from typing import Protocol

from .endpoint import Account, Endpoint
from .ground_truth import random_word


class Server(Protocol):
    name: str
    endpoint: Endpoint
    # A port that takes logins without TLS, for a proxy that ends TLS itself. None if there is none.
    clear_port: int | None

    def register(self, account: Account) -> None: ...

    def stop(self) -> None: ...


# What the proxy's `--upstream-tls` accepts for a server at a fixed address.
UPSTREAM_TLS = ("starttls", "direct", "none")


def port_for(server: Server, upstream_tls: str) -> int:
    ports = (server.endpoint.starttls_port, server.endpoint.direct_port, server.clear_port)
    return dict(zip(UPSTREAM_TLS, ports, strict=True))[upstream_tls]


def new_account(server: Server, name: str) -> Account:
    """An account nobody else uses, so that no case sees what another left behind."""
    account = Account(f"{name}-{random_word(3)}", secrets.token_urlsafe(12))
    server.register(account)
    return account
