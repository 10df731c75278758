"""What `/metrics` shows while real clients are connected."""

import subprocess
import urllib.request
from collections.abc import Callable

import pytest
from labkit.endpoint import Account, Tls
from labkit.proxy import Proxy
from labkit.scenarios import omemo_chat
from labkit.server import Server

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
