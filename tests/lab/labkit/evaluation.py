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
from .endpoint import DOMAIN, Tls
from .prometheus import Prometheus
from .prosody import Prosody
from .proxy import Proxy
from .scenarios import demo_session, omemo_chat
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
    """Run A is a session with a slip, run B a chat without one. Both leave when they are over: the caller stops what is given back."""
    for name in ("a", "b", "prometheus"):
        (directory / name).mkdir()
    first, second = (Proxy(binary, directory / name, server, "starttls", label) for name, label in [("a", RUN_A), ("b", RUN_B)])
    prometheus = Prometheus(directory / "prometheus", [first.metrics_url, second.metrics_url])
    try:
        start = time.time()
        prometheus.wait_for(f'stanzascope_run_start_time_seconds{{run="{RUN_B}"}}')
        for i in range(rounds):
            demo_session.run(first.endpoint, new_account(server, "alice"), new_account(server, "bob"), f"allotment-{i}@conference.{DOMAIN}")
            time.sleep(pause)
            omemo_chat.run(second.endpoint, Tls.STARTTLS, new_account(server, "alice"), new_account(server, "bob"))
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
