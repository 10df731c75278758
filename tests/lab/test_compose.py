"""docker-compose.yml as far as it goes without Docker: what linters say, what compose reads, and its commands in a network of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from labkit import node

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict:
    """The services as docker-compose understands them."""
    command = ["docker-compose", "--file", REPOSITORY / "docker-compose.yml", "config"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


def test_linters_have_nothing_to_say() -> None:
    dclint = node.DIRECTORY / "node_modules" / ".bin" / "dclint"
    hadolint = Path(sys.executable).with_name("hadolint")
    for command in ([dclint, "docker-compose.yml"], [hadolint, "Dockerfile", "compose/prosody/Dockerfile"]):
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_open_to_others_and_nobody_is_root(services: dict) -> None:
    published = services["prosody"]["ports"]
    assert len(published) == 4
    for port in published:
        address = port.get("host_ip") if isinstance(port, dict) else port.rsplit(":", 2)[0]
        assert address == "127.0.0.1", port
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert "privileged" not in service, name
        if name != "prosody":
            assert "ports" not in service and service["network_mode"] in ("service:prosody", "none"), name
        if name != "connect":
            assert service["healthcheck"]["test"] and service["cap_drop"] == ["ALL"], name
    for dockerfile in ("Dockerfile", "compose/prosody/Dockerfile"):
        users = [line for line in (REPOSITORY / dockerfile).read_text().splitlines() if line.startswith("USER ")]
        assert users and users[-1] != "USER root", dockerfile


def test_one_line_says_how_to_connect(services: dict) -> None:
    (line,) = services["connect"]["command"][1:]
    assert "\n" not in line.strip()
    for name in ("ALICE", "BOB"):
        assert services["prosody"]["environment"][f"{name}_PASSWORD"] in line


def test_what_the_containers_run_works_together(
    request: pytest.FixtureRequest, services: dict, binary: Path, tmp_path: Path
) -> None:
    if request.config.getoption("--without-proxy"):
        pytest.skip("there is no compose file without the proxy")
    (tmp_path / "config.json").write_text(json.dumps({"services": services}))
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    inside = [sys.executable, "-m", "labkit.composed", binary, tmp_path]
    done = subprocess.run([*namespace, *inside], capture_output=True, text=True, cwd=Path(__file__).parent, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["logins"] == ["alice", "bob"]
    assert seen["stranger"], "the proxy takes peers that are not the host"
    assert seen["up"] == "1"
    assert [run.endswith("-compose") for run in seen["runs"]] == [True]
