"""Where a client connects: a server or the proxy in front of it, which look the same from outside."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

DOMAIN = "lab.test"


class Tls(Enum):
    STARTTLS = "starttls"
    DIRECT = "direct"

    # pytest shows this in the name of a case.
    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Endpoint:
    host: str
    starttls_port: int
    direct_port: int
    # Whom the client has to trust here: the lab's CA, or the proxy's.
    ca: Path
    # Uploads go round the proxy, so they are always certified by the lab's CA.
    upload_ca: Path
    domain: str = DOMAIN

    def port(self, tls: Tls) -> int:
        return self.starttls_port if tls is Tls.STARTTLS else self.direct_port


@dataclass(frozen=True)
class Account:
    localpart: str
    password: str
    domain: str = DOMAIN

    @property
    def jid(self) -> str:
        return f"{self.localpart}@{self.domain}"
