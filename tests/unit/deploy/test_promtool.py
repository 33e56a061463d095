"""The alert rules as Prometheus itself sees them: valid, firing when they should, and quiet when all is well."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[3] / "deploy"
FOLDER = DEPLOY / "observability" / "prometheus"
K8S = DEPLOY / "k8s"
QUERY = re.compile(r"^\s*query: (.*)$", re.MULTILINE)
PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="NO PROMTOOL: apt-get install prometheus")


def promtool(*words: str) -> None:
    done = subprocess.run([str(PROMTOOL), *words], cwd=FOLDER, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_prometheus_accepts_our_configuration() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "alerts.yml")


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    rules = {rule["alert"] for rule in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]}
    well, wrong, scaled, *_ = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    assert {one["alertname"] for one in well["alert_rule_test"]} == rules
    assert {one["alertname"] for one in wrong["alert_rule_test"] if "exp_alerts" in one} == rules
    asked = {one["expr"] for one in scaled["promql_expr_test"]}
    assert asked == {query for file in K8S.rglob("scaling.yaml") for query in QUERY.findall(file.read_text())}
    promtool("test", "rules", "alerts.test.yml")
