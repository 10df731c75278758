"""What documents show and only other programs can judge: the workflow of docs/ci.md, and the collector's configuration of docs/scale.md."""

import os
import re
import shlex
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from labkit.endpoint import DOMAIN, Account
from labkit.ports import free_port
from labkit.process import OwnProcess
from labkit.server import Server
from ruamel.yaml import YAML

DOCS = Path(__file__).parents[2] / "docs"
LAB = Path(__file__).parent
# Steps of the workflow that need the network of a hosted runner.
NOT_RUN = {"Build stanzascope"}


def block(page: str, language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return found


def test_the_workflow_is_one(tmp_path: Path) -> None:
    """By the schema of GitHub's workflows that check-jsonschema brings along."""
    workflow = tmp_path / "exposure.yml"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    workflow.write_text(block("ci.md", "yaml"))
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    workflow.write_text(block("ci.md", "yaml").replace("runs-on:", "run-on:"))
    assert subprocess.run(check, capture_output=True).returncode == 1, "a mistake is found"


@pytest.mark.parametrize("server", ["prosody"], indirect=True)
def test_the_workflow_runs(request: pytest.FixtureRequest, server: Server, binary: Path, tmp_path: Path) -> None:
    """Its shell steps, in order, as a runner runs them, on ports of our own, with slixmpp as the client."""
    if request.config.getoption("--without-proxy"):
        pytest.skip("the workflow is about the proxy")
    ann, ben = Account("ann", "ci-only-ann"), Account("ben", "ci-only-ben")
    for account in (ann, ben):
        server.register(account)
    starttls, direct, metrics = free_port(), free_port(), free_port()
    program = tmp_path / "bin" / "stanzascope"
    scenario, start = tmp_path / "tests" / "exposure-scenario", tmp_path / "tests" / "start-prosody"
    for script in (program, scenario):
        script.parent.mkdir(exist_ok=True)
    program.symlink_to(binary)
    (tmp_path / "server-ca.pem").write_bytes(server.endpoint.ca.read_bytes())
    start.write_text("#!/bin/sh\n# It listens already.\n")
    code = (
        f"import sys; sys.path.insert(0, {str(LAB)!r})\nfrom dataclasses import replace\nfrom pathlib import Path, PosixPath\n"
        "from labkit.endpoint import Account, Endpoint\nfrom labkit.scenarios import plain_chat\n"
        f"server = Endpoint(**{endpoint(server)!r})\n"
        f"proxy = replace(server, starttls_port={starttls}, direct_port={direct}, ca=Path('certs/root.pem').resolve())\n"
        f"plain_chat.run(proxy, server, Account('ann', {ann.password!r}), Account('ben', {ben.password!r}), True, True)\n"
    )
    (tmp_path / "scenario.py").write_text(code)
    scenario.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} scenario.py\n")
    for script in (scenario, start):
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "GITHUB_SHA": "0123abcd", "HOME": str(tmp_path)}
    steps = YAML(typ="safe").load(block("ci.md", "yaml"))["jobs"]["exposure"]["steps"]
    done = []
    for step in steps:
        if "run" not in step or step["name"] in NOT_RUN:
            continue
        script = step["run"].replace("127.0.0.1:5322", f"127.0.0.1:{server.endpoint.starttls_port}").replace("9222", str(metrics))
        script = script.replace(
            "run --yes", f"run --yes --starttls-port {starttls} --direct-port {direct} --metrics 127.0.0.1:{metrics}"
        )
        if step["name"].startswith("Check"):
            plan = subprocess.run("stanzascope check runs/* --init > stanzascope-plan.toml", shell=True, cwd=tmp_path, env=environment)
            assert plan.returncode == 0
        # The shell of a runner, with its flags.
        shell = OwnProcess("step", ["bash", "-eo", "pipefail", "-c", script], tmp_path, environment)
        shell.wait_to_end(90)
        # Also ends what a step that failed left running, as a runner does.
        assert shell.stop() == 0, f"{step['name']}: {shell.tail()}"
        done.append(step["name"])
    assert len(done) == 4, done
    suite = ElementTree.parse(tmp_path / "exposure.xml").getroot()
    assert len(list(suite.iter("testcase"))) > 3
    assert (tmp_path / "exposure.sqlite").read_bytes().startswith(b"SQLite format 3")
    assert ann.jid.encode() not in (tmp_path / "exposure.sqlite").read_bytes() and ann.jid.endswith(DOMAIN)


def endpoint(server: Server) -> dict:
    return {key: value for key, value in vars(server.endpoint).items()}


def test_the_collector_is_told_what_it_has() -> None:
    """Every pipeline of docs/scale.md names what the file declares, and everything declared is used."""
    told = YAML(typ="safe").load(block("scale.md", "yaml"))
    named = {kind: set() for kind in ("receivers", "processors", "exporters")}
    for pipeline in told["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            named[kind] |= set(names)
    assert {kind: set(told[kind]) for kind in named} == named
    assert set(told["service"]["extensions"]) == set(told["extensions"])
    for exporter in told["exporters"].values():
        assert exporter["sending_queue"]["storage"] in told["extensions"]
    assert told["receivers"]["otlp"]["protocols"]["http"]["auth"]["authenticator"] in told["extensions"]
