"""What docker-compose.yml starts, without Docker: its commands and files, in a network namespace of our own.

`unshare --net python -m labkit.composed BINARY DIRECTORY` reads DIRECTORY/config.json (`docker-compose config`), starts Prosody by its
start script, the proxy by its command and Prometheus by its configuration, logs a client in as it would come through a published port,
and prints what came of it as JSON. Images, mounts, users and Grafana are not part of it.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from .process import LabError, OwnProcess
from .stream import logged_in

REPOSITORY = Path(__file__).parents[3]
HOST, CONTAINER, STRANGER = "172.30.99.1", "172.30.99.2", "172.30.99.3"
# Outside of the container, nobody but us reads what is there, and we may be root.
RUN_AS_ROOT = "run_as_root = true\n"


def main(binary: Path, directory: Path) -> None:
    services = json.loads((directory / "config.json").read_text())["services"]
    network(CONTAINER, HOST, STRANGER)
    started = []
    try:
        started.append(prosody(services["prosody"], directory))
        started.append(stanzascope(services["stanzascope"], binary, directory))
        started.append(prometheus(directory))
        print(json.dumps(look(services, binary, directory)))
    finally:
        for process in reversed(started):
            process.stop()


def network(*addresses: str) -> None:
    for command in ("link set lo up", *(f"address add {address}/32 dev lo" for address in addresses)):
        subprocess.run(["ip", *command.split()], check=True)


def prosody(service: dict, directory: Path) -> OwnProcess:
    (directory / "data").mkdir()
    config = directory / "prosody.cfg.lua"
    config.write_text(RUN_AS_ROOT + (REPOSITORY / "compose" / "prosody" / "prosody.cfg.lua").read_text())
    env = {
        **service["environment"], "PROSODY_CONFIG": str(config), "PROSODY_RUN": str(directory), "PROSODY_DATA": str(directory / "data")
    }  # fmt: skip
    process = OwnProcess("prosody", [str(REPOSITORY / "compose" / "prosody" / "start")], directory, env)
    return waited(process, service)


def stanzascope(service: dict, binary: Path, directory: Path) -> OwnProcess:
    command = [word.replace("/data", str(directory / "evaluation")) for word in service["command"]]
    (directory / "evaluation").mkdir()
    return waited(OwnProcess("stanzascope", [str(binary), *command], directory), service)


def prometheus(directory: Path) -> OwnProcess:
    config = REPOSITORY / "dashboards" / "prometheus" / "prometheus.yml"
    process = OwnProcess("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'tsdb'}"], directory)
    process.wait_for_port(9090)
    return process


def waited(process: OwnProcess, service: dict) -> OwnProcess:
    """Waits as compose does: until the service's health check passes."""
    test = service["healthcheck"]["test"][1:]
    path = f"{REPOSITORY / 'compose'}:{os.environ['PATH']}"

    def healthy() -> bool:
        return subprocess.run(test, capture_output=True, env={**os.environ, "PATH": path}).returncode == 0

    process.wait_until(healthy, f"pass its health check {test}", timeout=20)
    return process


def look(services: dict, binary: Path, directory: Path) -> dict:
    environment = services["prosody"]["environment"]
    ca = directory / "ca.pem"
    exported = subprocess.run([binary, "ca", "export", "--certs", directory / "evaluation" / "certs"], capture_output=True, check=True)
    ca.write_bytes(exported.stdout)
    logins = []
    for name in ("alice", "bob"):
        with logged_in(CONTAINER, 5223, ca, name, environment[f"{name.upper()}_PASSWORD"], source=HOST):
            logins.append(name)
    return {"logins": logins, "stranger": refused(STRANGER), "up": up(), "runs": sorted(path.name for path in (directory / "evaluation" / "runs").iterdir())}


def refused(address: str) -> bool:
    """Whether the proxy turns away a peer that is not the host."""
    with socket.create_connection((CONTAINER, 5222), timeout=10, source_address=(address, 0)) as tcp:
        try:
            tcp.sendall(b"<stream:stream to='lab.test' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
            return tcp.recv(1000) == b""
        except ConnectionError:
            return True


def up() -> str:
    """What Prometheus says of the proxy, once it has scraped."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        query = "http://127.0.0.1:9090/api/v1/query?query=up%7Binstance%3D%22127.0.0.1%3A9222%22%7D"
        with urllib.request.urlopen(query, timeout=10) as answer:
            if result := json.load(answer)["data"]["result"]:
                return result[0]["value"][1]
        time.sleep(0.3)
    raise LabError("Prometheus has not scraped the proxy")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
