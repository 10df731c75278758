"""Connects from addresses of other machines, more than are let in, and prints what became of each.

`unshare --net python -m labkit.strangers BINARY DIRECTORY`: the namespace has the addresses on its loopback device.
"""

import json
import select
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from .process import OwnProcess

PROXY = "192.0.2.1"
METRICS = "127.0.0.1:9222"
UPSTREAM_PORT = 5299
# As src/proxy/admission.rs has them.
MAX_SESSIONS, MAX_PER_PEER, MAX_PER_SECOND = 64, 16, 20
SECONDS_UNTIL_TURNED_AWAY = 1


def main(binary: str, directory: Path) -> None:
    peers = [f"192.0.2.{n}" for n in range(2, 9)]
    uninvited = "198.51.100.2"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in [PROXY, *peers, uninvited]:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    upstream = socket.create_server(("127.0.0.1", UPSTREAM_PORT))
    subprocess.run([binary, "ca", "init", "--domain", "lab.test", "--name", PROXY], cwd=directory, check=True, capture_output=True)
    options = f"--yes --domain lab.test --listen {PROXY} --allow-remote 192.0.2.0/24 --upstream-tls none --metrics {METRICS}"
    proxy = OwnProcess("proxy", [binary, "run", *options.split(), "--upstream", f"127.0.0.1:{UPSTREAM_PORT}"], directory)
    seen = {}
    try:
        wait_until_up(proxy)
        places = [connect(peers[0]) for _ in range(MAX_PER_PEER)]
        seen["one peer"] = tally([connect(peers[0])])
        for peer in peers[1:4]:
            places += [connect(peer) for _ in range(MAX_PER_PEER)]
        assert len(places) == MAX_SESSIONS
        seen["all places"] = tally(places)
        seen["one more"] = tally([connect(peers[4])])
        seen["uninvited"] = tally([connect(uninvited)])
        for place in places:
            place.close()
        time.sleep(1.5)
        seen["at once"] = tally([connect(peers[n % 7], pause=0) for n in range(MAX_PER_SECOND + 10)])
        seen["ends"] = ends()
    finally:
        status = proxy.stop()
        upstream.close()
    (records,) = (directory / "runs").glob("*/records.jsonl")
    closes = [record for record in map(json.loads, records.read_text().splitlines()) if record.get("event") == "close"]
    seen["records"] = [[record["reason"], record.get("detail", "")] for record in closes if record["reason"].startswith("too_")]
    seen["status"] = status
    seen["said"] = proxy.stderr_path.read_text()
    print(json.dumps(seen))


def connect(source: str, pause: float = 1 / (MAX_PER_SECOND - 4)) -> socket.socket:
    time.sleep(pause)
    return socket.create_connection((PROXY, 5222), timeout=5, source_address=(source, 0))


def tally(connections: list[socket.socket]) -> dict[str, int]:
    """How many are still there after a moment, and how many were closed."""
    time.sleep(SECONDS_UNTIL_TURNED_AWAY)
    readable, _, _ = select.select(connections, [], [], 0)
    return {"in": len(connections) - len(readable), "turned away": sum(is_closed(connection) for connection in readable)}


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def ends() -> dict[str, int]:
    lines = urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=5).read().decode().splitlines()
    found = {}
    for line in lines:
        if line.startswith("stanzascope_session_ends_total{"):
            name, count = line.rsplit(" ", 1)
            found[name.split('reason="')[1].split('"')[0]] = int(float(count))
    return {reason: count for reason, count in found.items() if count and reason.startswith(("too_", "peer_"))}


def wait_until_up(proxy: OwnProcess) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            ends()
            return
        except OSError:
            if proxy.ended or time.monotonic() > deadline:
                sys.exit(f"the proxy does not come up: {proxy.tail()}")
            time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
