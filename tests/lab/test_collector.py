"""Records through a real OpenTelemetry Collector: everything goes in as OTLP in JSON and comes out as OTLP in Protocol Buffers, unharmed."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labkit.collector import Receiver, Rotel
from labkit.endpoint import Account
from labkit.proxy import Proxy
from labkit.scenarios import plain_chat
from labkit.server import Server

ORDINARY = Path(__file__).parents[1] / "records" / "ordinary.jsonl"
# How many records are sent to see how fast that is.
MANY = 50_000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def collector(tmp_path: Path, receiver: Receiver) -> Iterator[Rotel]:
    (tmp_path / "rotel").mkdir()
    collector = Rotel(tmp_path / "rotel", receiver)
    yield collector
    collector.stop()


def wait_for(collector: Rotel, receiver: Receiver, lines: list[str]) -> None:
    """The receiver has every line, once."""
    def all_there() -> bool:
        everything = b"".join(receiver.received)
        return all(everything.count(line.encode()) == 1 for line in (lines[0], lines[len(lines) // 2], lines[-1]))

    collector.process.wait_until(all_there, "pass on everything", 30)
    everything = b"".join(receiver.received)
    # The attributes of each stand beside it.
    assert [line for line in lines if everything.count(line.encode()) != 1] == []
    assert everything.count(b"log.record.uid") == len(lines)


@pytest.mark.parametrize("server", ["prosody"], indirect=True)
def test_a_run_is_followed(
    request: pytest.FixtureRequest, server: Server, alice: Account, bob: Account,
    start_proxy: Callable[..., Proxy], collector: Rotel, receiver: Receiver,
) -> None:  # fmt: skip
    """slixmpp and Prosody through the proxy, the records through the collector."""
    if request.config.getoption("--without-proxy"):
        pytest.skip("there is nothing to send without the proxy")
    proxy = start_proxy("starttls", "--account", alice.jid, "--otlp", collector.url)
    plain_chat.run(proxy.endpoint, server.endpoint, alice, bob, True, True)
    assert proxy.stop() == 0, proxy.process.tail()
    lines = (proxy.run.path / "records.jsonl").read_text().splitlines()
    assert len(lines) > 20
    wait_for(collector, receiver, lines)
    delivery = json.loads((proxy.run.path / "run.json").read_text())["otlp"]
    assert (delivery["sent"], delivery["refused"], delivery["undelivered"]) == (len(lines), 0, 0)


def test_many_records(binary: Path, tmp_path: Path, collector: Rotel, receiver: Receiver) -> None:
    """As fast as the collector takes them; the figure of docs/scale.md comes from here."""
    records = [json.loads(line) for line in ORDINARY.read_text().splitlines()]
    lines = [json.dumps(records[n % len(records)] | {"session": f"s{n}", "seq": 0}, separators=(",", ":")) for n in range(MANY)]
    log = tmp_path / "records.jsonl"
    log.write_text("\n".join(lines) + "\n")
    began = time.monotonic()
    sent = subprocess.run([binary, "export", log, "--format", "otlp", "--to", collector.url], capture_output=True, text=True)
    took = time.monotonic() - began
    assert sent.returncode == 0 and f"{MANY:,} records delivered" in sent.stderr, sent.stderr
    print(f"{MANY / took:.0f} records a second, {log.stat().st_size / took / 1e6:.1f} MB/s of log")
    collector.process.wait_until(lambda: b"".join(receiver.received).count(b"log.record.uid") >= MANY, "pass on everything", 60)
    everything = b"".join(receiver.received)
    assert everything.count(b"log.record.uid") == MANY
    assert [line for line in lines[:: MANY // 100] if everything.count(line.encode()) != 1] == []
