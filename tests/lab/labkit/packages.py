"""Debian packages the lab needs: which are missing, and their installation where we may.

`python3 -m labkit.packages` makes sure of all of them, or fails with what to type.
"""

import contextlib
import fcntl
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

SERVERS = ["prosody", "prosody-modules", "ejabberd"]
CLIENTS = ["profanity", "mcabber", "tmux"]
TOOLS = ["openssl", "prometheus"]  # `prometheus` brings promtool.
# Reads the pages we write and draws dashboards; Playwright drives this one and downloads none.
BROWSER = ["chromium", "fonts-dejavu-core", "fonts-inter"]
# What the compose file is read with, and its parts are run in. Node.js is taken as it is found.
COMPOSE = ["docker-compose", "iproute2"]
NODE = [] if shutil.which("node") and shutil.which("npm") else ["nodejs", "npm"]
# What else decides whether a client trusts the CA, for the tests that `cargo test` leaves out.
VERIFIERS = ["gnutls-bin", "libnss3-tools", "default-jdk-headless"]
# A clock that jumps, and other parsers of XML.
FAULTS = ["faketime", "python3-lxml", "strace"]
ALL = [*SERVERS, *CLIENTS, *TOOLS, *BROWSER, *COMPOSE, *NODE, *VERIFIERS, *FAULTS]

LOCK = Path(tempfile.gettempdir()) / "stanzascope-apt.lock"
POLICY = Path("/usr/sbin/policy-rc.d")


def missing(wanted: Iterable[str]) -> list[str]:
    packages = [name for name in wanted if not _installed(name)]
    if importlib.util.find_spec("ensurepip") is None:
        packages.append("python3-venv")
    return packages


def ensure(wanted: Iterable[str]) -> None:
    """Installs what is missing; exits with the command to type where that is not allowed."""
    if not shutil.which("dpkg-query"):
        sys.exit(f"the lab runs on Debian's packages, and this is no Debian: it needs {' '.join(wanted)}")
    packages = missing(wanted)
    if not packages:
        return
    become_root = _become_root()
    if become_root is None:
        command = f"sudo apt-get install --no-install-recommends {' '.join(packages)}"
        sys.exit(f"missing packages: {' '.join(packages)}\ninstall them with: {command}")
    print(f"installing {' '.join(packages)}", flush=True)
    with _one_at_a_time(), _no_services_started(become_root):
        _install(packages, become_root)
    if still := missing(packages):
        sys.exit(f"apt-get installed everything, yet these are missing: {' '.join(still)}")


def _installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout == "installed"


def _become_root() -> list[str] | None:
    """What to put before a command to run it as root, or None where that is not to be had."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    if shutil.which("sudo") and subprocess.run([*sudo, "true"], capture_output=True).returncode == 0:
        return sudo
    return None


def _install(packages: list[str], become_root: list[str]) -> None:
    # Lists and cache of our own: another apt-get that runs meanwhile cannot empty them.
    with tempfile.TemporaryDirectory(prefix="stanzascope-apt-") as own:
        for directory in ("lists/partial", "cache/archives/partial"):
            (Path(own) / directory).mkdir(parents=True)
        apt = [
            *become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2",
            "-o", f"Dir::State::Lists={own}/lists",
            "-o", f"Dir::Cache={own}/cache",
            "-o", "APT::Sandbox::User=root",
            "-o", "DPkg::Lock::Timeout=600",
            "-o", "Dpkg::Use-Pty=0",
        ]  # fmt: skip
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run([*apt, *arguments], stdin=subprocess.DEVNULL)
            if done.returncode != 0:
                sys.exit(f"apt-get {shlex.join(arguments)} failed with status {done.returncode}")


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _no_services_started(become_root: list[str]) -> Iterator[None]:
    """Keeps the packages from starting their system services: the tests run servers of their own."""
    if POLICY.exists():
        yield
        return
    script = "#!/bin/sh\nexit 101\n"
    subprocess.run([*become_root, "tee", str(POLICY)], input=script, text=True, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*become_root, "chmod", "755", str(POLICY)], check=True)
    try:
        yield
    finally:
        subprocess.run([*become_root, "rm", "--force", str(POLICY)], check=True)


if __name__ == "__main__":
    ensure(ALL)
