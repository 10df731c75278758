"""A certificate authority of the lab's own and one server certificate, made with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .ports import LOOPBACK


@dataclass(frozen=True)
class LabCertificates:
    ca: Path
    certificate: Path
    key: Path


def make_certificates(directory: Path, domain: str) -> LabCertificates:
    """A CA, and a certificate for `domain`, its services, and the names a client on this machine dials."""
    made = LabCertificates(directory / "lab-ca.pem", directory / "server.pem", directory / "server.key")
    ca_key, request, extensions = directory / "lab-ca.key", directory / "server.csr", directory / "server.ext"
    extensions.write_text(
        "basicConstraints = critical, CA:FALSE\n"
        "keyUsage = critical, digitalSignature\n"
        "extendedKeyUsage = serverAuth\n"
        f"subjectAltName = DNS:{domain}, DNS:conference.{domain}, DNS:upload.{domain}, DNS:localhost, IP:{LOOPBACK}\n"
    )
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl(
        "req", "-x509", *new_key, "-keyout", ca_key, "-out", made.ca, "-days", "2", "-subj", "/CN=stanzascope lab CA",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    _openssl("req", *new_key, "-keyout", made.key, "-out", request, "-subj", f"/CN={domain}")
    _openssl(
        "x509", "-req", "-in", request, "-CA", made.ca, "-CAkey", ca_key, "-CAcreateserial",
        "-days", "2", "-extfile", extensions, "-out", made.certificate,
    )  # fmt: skip
    return made


def _openssl(*arguments) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True)
