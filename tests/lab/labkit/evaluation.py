"""A real evaluation with two runs, scraped by Prometheus while it goes on: what dashboards are looked at with.

`python -m labkit.evaluation DIRECTORY` plays one of some minutes and leaves in DIRECTORY/data.json what
`tests/dashboards/draw.mjs` draws.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import dashboards
from .endpoint import DOMAIN
from .ground_truth import random_word
from .prometheus import Prometheus
from .prosody import Prosody
from .proxy import Proxy
from .scenarios import demo_session
from .server import Server, new_account
from .tls import make_certificates

RUN_A, RUN_B = "slixmpp careless", "slixmpp careful"
STOPPED = f'timestamp(last_over_time(stanzascope_run_start_time_seconds{{run="{RUN_B}"}}[1m])) unless stanzascope_run_start_time_seconds'


@dataclass(frozen=True)
class Evaluation:
    prometheus: Prometheus
    view: dashboards.View
    # The proxy of run A, which goes on; that of run B has ended.
    proxy: Proxy


def play(directory: Path, binary: Path, server: Server, rounds: int, pause: float) -> Evaluation:
    """Run A is the demo's session, with its slip; run B is the same without it, on a second proxy. Both leave when they are over: the caller stops what is given back."""
    for name in ("a", "b", "prometheus"):
        (directory / name).mkdir()
    first, second = (Proxy(binary, directory / name, server, "starttls", label) for name, label in [("a", RUN_A), ("b", RUN_B)])
    prometheus = Prometheus(directory / "prometheus", [first.metrics_url, second.metrics_url])
    try:
        start = time.time()
        prometheus.wait_for(f'stanzascope_run_start_time_seconds{{run="{RUN_B}"}}')
        for _ in range(rounds):
            for proxy, leak in [(first, True), (second, False)]:
                room = f"allotment-{random_word(3)}@conference.{DOMAIN}"
                accounts = [new_account(server, name) for name in ("alice", "bob")]
                demo_session.run(proxy.endpoint, *accounts, room, server.endpoint, leak)
                time.sleep(pause)
        second.stop()
        prometheus.wait_for(STOPPED)
        time.sleep(2)
    except BaseException:
        prometheus.stop()
        first.stop()
        raise
    finally:
        second.stop()
    return Evaluation(prometheus, dashboards.View(start, time.time(), RUN_A, RUN_B), first)


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    binary = Path(__file__).parents[3] / "target" / "release" / "stanzascope"
    with tempfile.TemporaryDirectory(prefix="stanzascope-evaluation-") as name:
        directory = Path(name)
        for part in ("certificates", "prosody"):
            (directory / part).mkdir()
        server = Prosody(directory / "prosody", make_certificates(directory / "certificates", DOMAIN))
        try:
            evaluation = play(directory, binary, server, rounds=3, pause=5)
            try:
                collected = [evaluation.view.collect(evaluation.prometheus, dashboard) for dashboard in dashboards.load()]
            finally:
                evaluation.prometheus.stop()
                evaluation.proxy.stop()
        finally:
            server.stop()
    (out / "data.json").write_text(json.dumps(collected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
