"""Fixtures: two servers for the whole run, fresh accounts and a proxy of its own for every case."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labkit.ejabberd import Ejabberd
from labkit.endpoint import DOMAIN, Account
from labkit.prosody import Prosody
from labkit.proxy import Proxy
from labkit.server import Server, new_account
from labkit.tls import LabCertificates, make_certificates

REPOSITORY = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stanzascope",
        type=Path,
        default=REPOSITORY / "target" / "release" / "stanzascope",
        help="the program to test (default: target/release/stanzascope)",
    )
    parser.addoption(
        "--without-proxy",
        action="store_true",
        help="point the clients straight at the servers: checks the lab itself, not the proxy",
    )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LabCertificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"), DOMAIN)


@pytest.fixture(scope="session")
def prosody(tmp_path_factory: pytest.TempPathFactory, certificates: LabCertificates) -> Iterator[Prosody]:
    server = Prosody(tmp_path_factory.mktemp("prosody"), certificates)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def prosody_in_clear(tmp_path_factory: pytest.TempPathFactory, certificates: LabCertificates) -> Iterator[Prosody]:
    server = Prosody(tmp_path_factory.mktemp("prosody-in-clear"), certificates, clear_text=True)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ejabberd(tmp_path_factory: pytest.TempPathFactory, certificates: LabCertificates) -> Iterator[Ejabberd]:
    server = Ejabberd(tmp_path_factory.mktemp("ejabberd"), certificates)
    yield server
    server.stop()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """The server a case names: `@pytest.mark.parametrize("server", [...], indirect=True)`."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def alice(server: Server) -> Account:
    return new_account(server, "alice")


@pytest.fixture
def bob(server: Server) -> Account:
    return new_account(server, "bob")


@pytest.fixture(scope="session")
def binary(request: pytest.FixtureRequest) -> Path:
    path = request.config.getoption("--stanzascope").resolve()
    if not path.is_file():
        pytest.fail(f"there is no {path} (cargo build --release, or pass --stanzascope PATH)")
    return path


@pytest.fixture
def start_proxy(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> Iterator[Callable[..., Proxy]]:
    """Starts a proxy in front of `server`; it is ended after the test, however that went."""
    started: list[Proxy] = []

    def start(upstream_tls: str, *options: str) -> Proxy:
        directory = tmp_path / f"proxy-{len(started)}"
        directory.mkdir()
        proxy = Proxy(request.getfixturevalue("binary"), directory, server, upstream_tls, "lab", options)
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.stop()
