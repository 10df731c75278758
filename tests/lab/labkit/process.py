"""One long-running program that we started and that we alone end.

Every program gets a session of its own, so that ending it also ends what it started. A program started
by a test additionally dies with the test run, even if that is killed; `outlive_us` turns this off for
`scripts/lab up`.
"""

import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from .ports import LOOPBACK

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.05

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(RuntimeError):
    """Something in the lab did not come up or did not answer. Not a finding about the proxy."""


class OwnProcess:
    def __init__(
        self,
        name: str,
        argv: list[str],
        directory: Path,
        env: dict[str, str] | None = None,
        outlive_us: bool = False,
    ):
        self.name = name
        self.stdout_path = directory / f"{name}.stdout"
        self.stderr_path = directory / f"{name}.stderr"
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=directory,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=None if outlive_us else _die_with_parent,
            )
        # Set once the program has ended and its session is gone.
        self._status: int | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def ended(self) -> bool:
        if self._status is not None:
            return True
        # WNOWAIT leaves the ended program its id, so that nobody else gets it before `stop` has used it.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def wait_for_port(self, port: int, timeout: float = 30) -> None:
        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((LOOPBACK, port)) == 0

        self.wait_until(answers, f"listen on port {port}", timeout)

    def wait_until(self, condition, what: str, timeout: float):
        """Waits until `condition()` is true and returns its value; fails early if the program has ended."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.ended:
                raise LabError(f"{self.name} ended before it could {what}\n{self.tail()}")
            if value := condition():
                return value
            time.sleep(POLL_SECONDS)
        raise LabError(f"{self.name} did not {what} within {timeout:.0f} s\n{self.tail()}")

    def wait_to_end(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self.ended:
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not end within {timeout:.0f} s\n{self.tail()}")
            time.sleep(POLL_SECONDS)

    def tail(self, characters: int = 3000) -> str:
        """The end of what the program printed, for a message a person reads."""
        parts = []
        for path in (self.stdout_path, self.stderr_path):
            text = path.read_text(errors="replace")[-characters:]
            parts.append(f"--- {path}\n{text}")
        return "\n".join(parts)

    def stop(self, first: signal.Signals = signal.SIGTERM, grace: float = 10) -> int:
        """Asks the program to end, insists after `grace` seconds, and returns its exit status."""
        if self._status is None:
            if not self.ended:
                os.kill(self.pid, first)
            deadline = time.monotonic() + grace
            while not self.ended and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            os.killpg(self.pid, signal.SIGKILL)
            self._status = self._child.wait()
        return self._status


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
