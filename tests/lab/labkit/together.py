"""Runs commands as a person does who has a terminal for each: all but the last stay, the last is asked until it has something to say.

`unshare --net python -m labkit.together DIRECTORY` takes them from DIRECTORY/commands.json and runs them there.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from .process import OwnProcess


def main(directory: Path) -> None:
    *staying, last = (shlex.split(command) for command in json.loads((directory / "commands.json").read_text()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    started = [OwnProcess(f"terminal-{i}", command, directory) for i, command in enumerate(staying)]
    try:
        deadline = time.monotonic() + 60
        while True:
            said = subprocess.run(last, cwd=directory, capture_output=True, text=True)
            if said.returncode == 0 and settled(said.stdout):
                break
            if time.monotonic() > deadline:
                sys.exit("\n".join([said.stdout, said.stderr, *(process.tail() for process in started)]))
            time.sleep(0.5)
        print(said.stdout)
    finally:
        for process in reversed(started):
            process.stop()


def settled(answer: str) -> bool:
    """Whether the session has been played to its end, and scraped: its last messages are verdicts other than 0."""
    return any(float(one["value"][1]) > 0 and one["metric"]["verdict"] == "SUSPECT" for one in json.loads(answer)["data"]["result"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
