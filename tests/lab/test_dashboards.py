"""Dashboards and alert rules, with Debian's Prometheus on a real evaluation, Grafana's types, and Grafana's components."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from labkit import dashboards, evaluation, node
from labkit.evaluation import Evaluation
from labkit.prosody import Prosody

REPOSITORY = Path(__file__).parents[2]
LOADED = {dashboard["uid"]: dashboard for dashboard in dashboards.load()}
PANELS = [(uid, panel) for uid, dashboard in LOADED.items() for panel in dashboards.panels(dashboard)]
# Registered, and deliberately in no dashboard: what they say is said better by others.
UNUSED = {"process_virtual_memory_bytes", "process_start_time_seconds"}
# Made by Prometheus itself, and without the label of the run.
OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
METRIC = re.compile(r"\b(?:stanzascope|process)_\w+")
EVERY_PANEL = pytest.mark.parametrize("uid,panel", PANELS, ids=[f"{uid}-{panel['id']}" for uid, panel in PANELS])
EVERY_DASHBOARD = pytest.mark.parametrize("dashboard", LOADED.values(), ids=LOADED)


@pytest.fixture(scope="module")
def evaluated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, binary: Path, prosody: Prosody
) -> Iterator[Evaluation]:
    if request.config.getoption("--without-proxy"):
        pytest.skip("there are no metrics without the proxy")
    played = evaluation.play(tmp_path_factory.mktemp("evaluation"), binary, prosody, rounds=1, pause=1)
    yield played
    played.prometheus.stop()
    played.proxy.stop()


def exprs() -> list[str]:
    panels = [target["expr"] for _, panel in PANELS for target in panel["targets"]]
    return panels + [mark["target"]["expr"] for dashboard in LOADED.values() for mark in dashboard["annotations"]["list"]]


# What the queries give


@EVERY_PANEL
def test_every_query_of_a_panel_has_data(evaluated: Evaluation, uid: str, panel: dict) -> None:
    answers = evaluated.view.ask(evaluated.prometheus, panel)
    empty = [target["expr"] for target in panel["targets"] if not dashboards.has_data(answers[target["refId"]])]
    assert not empty, f"{panel['title']}: no data for {empty}"


@EVERY_DASHBOARD
def test_variables_and_annotations_have_values(evaluated: Evaluation, dashboard: dict) -> None:
    view, prometheus = evaluated.view, evaluated.prometheus
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
        values = prometheus.label_values(label, view.fill(series))
        assert values, variable["name"]
        if label == "run":
            assert set(values) == {evaluation.RUN_A, evaluation.RUN_B}
    for mark in dashboard["annotations"]["list"]:
        series = prometheus.range(view.fill(mark["target"]["expr"]), view.start, view.end, view.step)
        moments = {float(value) / 1000 for one in series for _, value in one["values"]}
        assert moments, f"{mark['name']}: {mark['target']['expr']}"
        # The value is the moment: within the time range, give or take the second that Prometheus needs to see it.
        assert all(view.start - 30 < moment < view.end + 2 for moment in moments), (mark["name"], moments, view)


def test_the_numbers_are_those_of_the_log(evaluated: Evaluation) -> None:
    """What a dashboard says of run A is what its records say."""
    records = [json.loads(line) for line in (evaluated.proxy.run.path / "records.jsonl").read_text().splitlines()]
    counted = {
        'stanzascope_records_total{type="stanza"': sum(record["type"] == "stanza" for record in records),
        'stanzascope_verdicts_total{verdict="OPAQUE"': sum(
            record.get("verdict", {}).get("body") == "OPAQUE" for record in records
        ),
        'stanzascope_findings_total{favour="against"': sum(
            record["type"] == "finding" and record["favour"] == "against" for record in records
        ),
    }
    for series, number in counted.items():
        (answer,) = evaluated.prometheus.instant(f'sum({series}, run="{evaluation.RUN_A}"}})', evaluated.view.end)
        assert number > 0 and int(answer["value"][1]) == number, series


def test_every_metric_is_used_or_listed_as_unused(evaluated: Evaluation) -> None:
    with urllib.request.urlopen(evaluated.proxy.metrics_url, timeout=10) as answer:
        registered = set(re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.MULTILINE))
    alerts = (dashboards.DIRECTORY / "prometheus" / "alerts.yml").read_text()
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for expr in [*exprs(), alerts] for name in METRIC.findall(expr)}
    assert used - registered == set(), "no such metric"
    assert registered - used == UNUSED


# How the dashboards are made


def test_the_committed_dashboards_are_those_of_the_tables() -> None:
    checked = subprocess.run([REPOSITORY / "scripts" / "dashboards", "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_grafanas_types_know_everything_in_them(tmp_path: Path) -> None:
    paths = sorted(dashboards.DIRECTORY.glob("*.json"))
    node.run("schema.mjs", *paths)
    # The check itself: a key that Grafana does not know is refused.
    wrong = json.loads(paths[0].read_text())
    next(dashboards.panels(wrong))["options"]["colour"] = "red"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    with pytest.raises(node.Failed, match="colour"):
        node.run("schema.mjs", tmp_path / "wrong.json")


@EVERY_DASHBOARD
def test_a_dashboard_keeps_the_rules_of_the_dashboard_linter(dashboard: dict) -> None:
    assert re.fullmatch(r"[a-z0-9-]{8,40}", dashboard["uid"])
    assert dashboard["editable"] is False and dashboard["schemaVersion"] == 42
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    # template-datasource
    source = variables.pop("datasource")
    assert (source["type"], source["query"], source["label"]) == ("datasource", "prometheus", "Data source")
    # template-job, template-instance
    for name in ("job", "instance"):
        variable = variables[name]
        assert variable["label"].lower() == name and variable["multi"] and variable["allValue"] == ".+"
    for name, variable in variables.items():
        # template-on-time-change-reload, template-label-promql
        assert variable["type"] == "query" and variable["refresh"] == 2, name
        assert variable["datasource"]["uid"] == "${datasource}", name
        assert re.fullmatch(r"label_values\(stanzascope_\w+(\{.+\})?, \w+\)", variable["query"]["query"]), name
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(titles) == len(set(titles)), "each title once"


@EVERY_PANEL
def test_a_panel_keeps_the_rules_of_the_dashboard_linter(uid: str, panel: dict) -> None:
    # panel-title-description, panel-datasource, panel-no-targets, panel-units
    assert panel["title"] and len(panel["description"]) > 10
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    assert panel["fieldConfig"]["defaults"]["unit"] in {"locale", "percentunit", "cpm", "cps", "Bps", "s", "bytes"}
    for target in panel["targets"]:
        expr = target["expr"]
        assert target["datasource"]["uid"] == "${datasource}"
        # target-job, target-instance, and ours: the run
        for name, matchers in re.findall(r"\b(\w+)\{([^}]*)\}", expr):
            assert 'job=~"$job"' in matchers and 'instance=~"$instance"' in matchers, expr
            assert name in OF_PROMETHEUS or re.search(r'run=~"\$run"|run="\$run_[ab]"', matchers), expr
        assert not re.search(r"\b(stanzascope|process)_\w+(?![\w{])", expr), f"no matchers: {expr}"
        # target-rate-interval
        assert set(re.findall(r"\brate\([^\[]*\[([^\]]*)\]", expr)) <= {"$__rate_interval"}, expr
        assert "irate(" not in expr and "increase(" not in expr, expr
        # target-counter-agg, as far as dashboards/.lint does not explain it away
        for before, counter in re.findall(r"(\w*)\(+(\w+_(?:total|bucket|count))\{", expr):
            assert before in ("rate", "max_over_time", "sum") or before == "", (counter, expr)
        # target-promql is what the queries above show.


# What a person sees


@pytest.fixture(scope="module")
def drawn(evaluated: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, dict]]:
    """What each panel shows once drawn by Grafana's components in a browser."""
    out = tmp_path_factory.mktemp("drawn")
    collected = [evaluated.view.collect(evaluated.prometheus, dashboard) for dashboard in LOADED.values()]
    (out / "data.json").write_text(json.dumps(collected))
    shown = json.loads(node.run("draw.mjs", out / "data.json", out))
    assert all((out / f"{uid}.png").stat().st_size > 20_000 for uid in LOADED)
    return {uid: {panel["id"]: panel for panel in panels} for uid, panels in shown.items()}


@EVERY_PANEL
def test_a_panel_can_be_read(
    evaluated: Evaluation, drawn: dict[str, dict[int, dict]], uid: str, panel: dict
) -> None:
    shown = drawn[uid][panel["id"]]
    assert evaluated.view.fill(panel["title"]) in shown["text"], shown
    assert "No data" not in shown["text"], shown
    assert len(shown["text"].splitlines()) > 1, "more than its title"
    assert "{{" not in shown["text"] and "$" not in shown["text"], shown
    assert shown["outside"] == [], f"does not fit: {shown['outside']}"
    if panel["type"] == "timeseries":
        # Axes, grid and at least one line of another colour.
        assert any(colours > 3 for colours in shown["painted"]), shown


# Prometheus


def test_prometheus_accepts_its_configuration_and_alerts_fire_when_they_should() -> None:
    directory = dashboards.DIRECTORY / "prometheus"
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        checked = subprocess.run(["promtool", *command], cwd=directory, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    rules = re.findall(r"- alert: (\w+)", (directory / "alerts.yml").read_text())
    tests = (directory / "alerts.test.yml").read_text()
    fired = re.findall(r"alertname: (\w+)\n\s+exp_alerts", tests)
    silent = re.findall(r"alertname: (\w+)\n(?!\s+exp_alerts)", tests + "\n")
    assert rules and set(rules) == set(fired) == set(silent) | {"StanzascopeCriticalFinding"}
