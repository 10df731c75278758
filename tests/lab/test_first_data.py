"""From nothing to dashboard data by the commands that the documents show, as they stand there, in a network of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MARK = "<!-- run together -->\n```sh\n"


@pytest.mark.parametrize("page", ["README.md", "docs/dashboards.md"])
def test_the_commands_of_a_page_lead_to_data(request: pytest.FixtureRequest, page: str, binary: Path, tmp_path: Path) -> None:
    if request.config.getoption("--without-proxy"):
        pytest.skip("there are no metrics without the proxy")
    (block,) = (part.split("```")[0] for part in (REPOSITORY / page).read_text().split(MARK)[1:])
    # The program is built already; everything else is as it is typed.
    commands = [line.replace("cargo run --release --", str(binary)) for line in block.splitlines()]
    (tmp_path / "commands.json").write_text(json.dumps(commands))
    (tmp_path / "dashboards").symlink_to(REPOSITORY / "dashboards")
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    inside = [sys.executable, "-m", "labkit.together", tmp_path]
    done = subprocess.run([*namespace, *inside], capture_output=True, text=True, cwd=Path(__file__).parent, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    verdicts = {one["metric"]["verdict"]: float(one["value"][1]) for one in answer["data"]["result"]}
    assert verdicts["OPAQUE"] > 10 and verdicts["SUSPECT"] >= 1, verdicts
