"""What `/metrics` shows while real clients are connected."""

import subprocess
import time
import urllib.request
from collections.abc import Callable

import pytest
from labkit.endpoint import DOMAIN, Account, Tls
from labkit.proxy import Proxy
from labkit.scenarios import omemo_chat
from labkit.server import Server
from labkit.stream import logged_in

HOSTILE_ADDRESSES = 100_000
MOST_SERIES = 2_000
MOST_BYTES = 200_000
MOST_SECONDS = 0.005

# Items short enough to be part of an innocent word.
TOO_COMMON = {"presence show", "upload size"}


@pytest.fixture
def scraped(
    request: pytest.FixtureRequest, server: Server, alice: Account, bob: Account, start_proxy: Callable[..., Proxy]
) -> tuple[str, list[str]]:
    """The metrics after a scenario, and the values that were on the wire."""
    if request.config.getoption("--without-proxy"):
        pytest.skip("there are no metrics without the proxy")
    proxy = start_proxy("starttls")
    truth = omemo_chat.run(proxy.endpoint, Tls.STARTTLS, alice, bob)
    with urllib.request.urlopen(proxy.metrics_url, timeout=10) as answer:
        metrics = answer.read().decode()
    values = [item.value for item in truth.items if item.what not in TOO_COMMON]
    return metrics, values + truth.canaries + truth.secrets


@pytest.mark.parametrize("server", ["prosody"], indirect=True)
def test_metrics_are_well_formed_and_name_nobody(scraped: tuple[str, list[str]]) -> None:
    metrics, values = scraped
    checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert [value for value in values if value in metrics] == []
    assert "stanzascope_" in metrics


@pytest.mark.parametrize("server", ["prosody"], indirect=True)
def test_a_hostile_session_costs_neither_series_nor_time(
    request: pytest.FixtureRequest, server: Server, alice: Account, start_proxy: Callable[..., Proxy]
) -> None:
    """100,000 addresses, each another one, from a client that is logged in."""
    if request.config.getoption("--without-proxy"):
        pytest.skip("there are no metrics without the proxy")
    proxy = start_proxy("starttls")
    before = len(samples(scrape(proxy)[0]))
    with logged_in(
        proxy.endpoint.host, proxy.endpoint.direct_port, proxy.endpoint.ca, alice.localpart, alice.password
    ) as stream:
        for start in range(0, HOSTILE_ADDRESSES, 1000):
            # The server answers to none of these.
            stanzas = (
                f"<presence type='unavailable' to='u{i}@{DOMAIN}/r{i}'/>" for i in range(start, start + 1000)
            )
            stream.sendall("".join(stanzas).encode())
        deadline = time.monotonic() + 60
        while seen(proxy, 'stanzascope_stanzas_total{direction="client_to_server",kind="presence"') < HOSTILE_ADDRESSES:
            assert time.monotonic() < deadline, "the proxy has not seen all of it"
            time.sleep(0.2)
        # The best of some: the machine does other things too.
        page, took = min((scrape(proxy) for _ in range(20)), key=lambda answer: answer[1])
    assert seen(proxy, 'stanzascope_names_capped{kind="contact"') == 1
    assert len(samples(page)) == before <= MOST_SERIES
    assert len(page.encode()) <= MOST_BYTES
    assert took < MOST_SECONDS, f"{took * 1000:.1f} ms"
    assert DOMAIN not in page


def scrape(proxy: Proxy) -> tuple[str, float]:
    """The metrics, and how long they took: connection, request and answer."""
    began = time.perf_counter()
    with urllib.request.urlopen(proxy.metrics_url, timeout=10) as answer:
        page = answer.read().decode()
    return page, time.perf_counter() - began


def samples(page: str) -> list[str]:
    return [line for line in page.splitlines() if not line.startswith("#")]


def seen(proxy: Proxy, series: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in samples(scrape(proxy)[0]) if line.startswith(series))
