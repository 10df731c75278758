"""Dashboards as Grafana would ask them: variables filled in, every query sent to Prometheus."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .prometheus import Prometheus

DIRECTORY = Path(__file__).parents[3] / "dashboards"
# Grafana's `$__rate_interval` is four scrapes at least.
RATE_INTERVAL = "10s"


def load() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))]


def panels(dashboard: dict) -> Iterator[dict]:
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


@dataclass(frozen=True)
class View:
    """What a person has chosen: the time range, and values of the variables."""

    start: float
    end: float
    run_a: str
    run_b: str
    step: int = 1

    @property
    def variables(self) -> dict[str, str]:
        everything = ".+"
        return {
            "job": everything, "instance": everything, "run": everything, "run_a": self.run_a, "run_b": self.run_b,
            "__rate_interval": RATE_INTERVAL, "__range": f"{int(self.end - self.start)}s", "__interval": f"{self.step}s",
        }  # fmt: skip

    def fill(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda found: self.variables[found[1]], text)

    def ask(self, prometheus: Prometheus, panel: dict) -> dict[str, list[dict]]:
        """The answers to a panel's queries, by refId."""
        answers = {}
        for target in panel["targets"]:
            expr = self.fill(target["expr"])
            if target["instant"]:
                answers[target["refId"]] = prometheus.instant(expr, self.end)
            else:
                answers[target["refId"]] = prometheus.range(expr, self.start, self.end, self.step)
        return answers

    def collect(self, prometheus: Prometheus, dashboard: dict) -> dict:
        """What `tests/dashboards/draw.mjs` draws."""
        return {
            "dashboard": dashboard,
            "from": self.start,
            "to": self.end,
            "variables": self.variables,
            "results": {panel["id"]: self.ask(prometheus, panel) for panel in panels(dashboard)},
        }


def has_data(series: list[dict]) -> bool:
    """Whether any sample of an answer is a number."""
    samples = [sample for one in series for sample in one.get("values", [one.get("value")])]
    return any(value not in ("NaN", "+Inf", "-Inf") for _, value in samples)
