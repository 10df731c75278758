"""A terminal program driven the way a person would: keys in, screen out, in a tmux of its own."""

import re
import subprocess
import tempfile
import time
from pathlib import Path

from ..process import LabError, OwnProcess

POLL_SECONDS = 0.1


class Terminal:
    """`-D` keeps the tmux server a child of ours, so that it ends when we do, and the program with it."""

    def __init__(
        self, name: str, argv: list[str], directory: Path, env: dict[str, str], size: tuple[int, int] = (160, 50)
    ):
        self.name = name
        # The address of a Unix socket has room for about a hundred bytes, which a test's directory may exceed.
        self._socket_directory = tempfile.TemporaryDirectory(prefix="lab-tmux-")
        self._socket = Path(self._socket_directory.name) / "socket"
        self._server = OwnProcess(f"{name}-tmux", self._tmux("-f", "/dev/null", "-D"), directory, env)
        try:
            self._server.wait_until(self._socket.exists, "open its socket", timeout=10)
            columns, lines = size
            # Keep the last screen when the program ends, for the error message.
            self._run("set-option", "-g", "remain-on-exit", "on")
            self._run("new-session", "-d", "-x", str(columns), "-y", str(lines), *argv)
        except BaseException:
            self.close()
            raise

    def type(self, line: str) -> None:
        """Types a line and presses Enter."""
        self._run("send-keys", "-l", line)
        self._run("send-keys", "Enter")

    def screen(self) -> str:
        return self._run("capture-pane", "-p", "-J").stdout

    def wait_for(self, pattern: str, timeout: float = 20) -> re.Match:
        """Waits until the regular expression is found on the screen."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            screen = self.screen()
            if found := re.search(pattern, screen):
                return found
            time.sleep(POLL_SECONDS)
        raise LabError(f"{self.name} never showed /{pattern}/ in {timeout:.0f} s; its screen:\n{screen.rstrip()}")

    def ended(self) -> bool:
        return self._run("display-message", "-p", "#{pane_dead}").stdout.strip() == "1"

    def wait_for_end(self, timeout: float = 10) -> None:
        deadline = time.monotonic() + timeout
        while not self.ended():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not end in {timeout:.0f} s; its screen:\n{self.screen().rstrip()}")
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        # Ending the server hangs up on the program in it.
        self._server.stop()
        self._socket_directory.cleanup()

    def _tmux(self, *arguments: str) -> list[str]:
        return ["tmux", "-S", str(self._socket), *arguments]

    def _run(self, *arguments: str) -> subprocess.CompletedProcess:
        done = subprocess.run(self._tmux(*arguments), capture_output=True, text=True, timeout=10)
        if done.returncode != 0:
            raise LabError(f"tmux {arguments[0]} for {self.name}: {done.stderr.strip()}")
        return done
