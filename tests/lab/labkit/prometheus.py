"""Debian's Prometheus as our own process, scraping what a test names, and its HTTP API."""

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path

from .ports import LOOPBACK, free_port
from .process import OwnProcess

JOB = "stanzascope"
CONFIG = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
scrape_configs:
  - job_name: {job}
    static_configs:
      - targets: [{targets}]
"""


class Prometheus:
    def __init__(self, directory: Path, metrics_urls: list[str]):
        self.port = free_port()
        targets = ", ".join(f'"{urllib.parse.urlsplit(url).netloc}"' for url in metrics_urls)
        config = directory / "prometheus.yml"
        config.write_text(CONFIG.format(job=JOB, targets=targets))
        self.process = OwnProcess(
            "prometheus",
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={LOOPBACK}:{self.port}",
            ],
            directory,
        )
        try:
            self.process.wait_for_port(self.port)
        except BaseException:
            self.stop()
            raise

    def instant(self, expr: str, at: float) -> list[dict]:
        return self._get("query", query=expr, time=at)["result"]

    def range(self, expr: str, start: float, end: float, step: float) -> list[dict]:
        return self._get("query_range", query=expr, start=start, end=end, step=step)["result"]

    def label_values(self, label: str, series: str) -> list[str]:
        return self._get(f"label/{label}/values", **{"match[]": series})

    def wait_for(self, expr: str, timeout: float = 20) -> list[dict]:
        """Waits until a query has a result."""
        return self.process.wait_until(lambda: self.instant(expr, time.time()), f"have data for {expr}", timeout)

    def stop(self) -> None:
        self.process.stop()

    def _get(self, what: str, **parameters):
        url = f"http://{LOOPBACK}:{self.port}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters}: {error.read().decode()}") from error
