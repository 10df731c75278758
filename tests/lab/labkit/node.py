"""Programs of `tests/dashboards`, run by Node.js with what `npm ci` put beside them."""

import subprocess
from pathlib import Path

DIRECTORY = Path(__file__).parents[2] / "dashboards"


class Failed(AssertionError):
    """A program said that something is wrong."""


def run(program: str, *arguments: str | Path) -> str:
    """What the program prints."""
    if not (DIRECTORY / "node_modules").is_dir():
        raise Failed(f"there is no {DIRECTORY / 'node_modules'} (scripts/test --real makes it, or: npm ci --ignore-scripts there)")
    done = subprocess.run(
        ["node", program, *map(str, arguments)], cwd=DIRECTORY, capture_output=True, text=True, timeout=110
    )
    if done.returncode != 0:
        raise Failed(f"{program}: {done.stderr}")
    return done.stdout
