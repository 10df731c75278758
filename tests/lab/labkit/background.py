"""Programs that outlive the command that started them, remembered in a file so that another can end them."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from .process import POLL_SECONDS, OwnProcess


class Background:
    def __init__(self, path: Path):
        self._path = path

    def remember(self, processes: list[OwnProcess], note: dict) -> None:
        """Writes down the programs and whatever else the next command wants to know."""
        known = [{"name": process.name, "pid": process.pid, "started": _started(process.pid)} for process in processes]
        self._path.write_text(json.dumps({"processes": known, "note": note}, indent=2) + "\n")
        self._path.chmod(0o600)

    @property
    def note(self) -> dict:
        return self._read().get("note", {})

    def running(self) -> list[str]:
        return [process["name"] for process in self._read().get("processes", []) if _still_ours(process)]

    def end(self, grace: float = 20) -> list[str]:
        """Ends the programs, the last started first, and returns their names. Touches nothing else."""
        ended = []
        for process in reversed(self._read().get("processes", [])):
            if not _still_ours(process):
                continue
            os.kill(process["pid"], signal.SIGINT)
            deadline = time.monotonic() + grace
            while _still_ours(process) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            if _still_ours(process):
                os.killpg(process["pid"], signal.SIGKILL)
            ended.append(process["name"])
        self._path.unlink(missing_ok=True)
        return ended

    def _read(self) -> dict:
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self._path.read_text())
        return {}


def _started(pid: int) -> str | None:
    """When the program with this id started, which tells it from a later one with the same id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None
    # The second field is the program's name in brackets, and may itself hold blanks.
    state, *others = stat.rpartition(")")[2].split()
    return None if state == "Z" else others[18]


def _still_ours(process: dict) -> bool:
    return _started(process["pid"]) == process["started"] is not None
