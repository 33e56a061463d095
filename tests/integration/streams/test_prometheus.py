"""Prometheus itself, with our configuration and rules, on a system that works: targets, rules, every dashboard's query.

Needs the prometheus binary (Debian: apt-get install prometheus); skipped without. Its promtool is used
by tests/unit/deploy/test_promtool.py.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from deploy.observability import dashboards
from tests.cameras.camera import Camera
from tests.integration.streams.system import MODEL, ROOT, System
from tests.redis_server import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
BINARY = shutil.which("prometheus")
OURS = ROOT / "deploy" / "observability" / "prometheus"
KEY = "vf_0123456789abcdef0123456789abcdef"
NOTHING_YET = {
    "streams: Trouble with sources": "the camera is fine",
}
"""Panels that are empty while all is well."""


class Prometheus:
    """One server on our files; only the target and the pace are the test's."""

    def __init__(self, folder: Path, target: str) -> None:
        config = yaml.safe_load((OURS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (scrape,) = config["scrape_configs"]
        assert scrape.pop("dns_sd_configs")
        scrape["static_configs"] = [{"targets": [target]}]
        scrape["authorization"]["credentials_file"] = str(folder / "key")
        (folder / "key").write_text(KEY)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        shutil.copy(OURS / "alerts.yml", folder)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "prometheus.log"
        options = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(BINARY), *options, f"--web.listen-address=127.0.0.1:{port}"], stdout=output, stderr=output
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


async def ask(http: aiohttp.ClientSession, path: str, **query: str) -> Any:
    """The data of an answer, or None while there is none."""
    try:
        async with http.get(path, params=query) as answer:
            body = await answer.json()
    except aiohttp.ClientError:
        return None
    assert body["status"] == "success", body
    return body["data"]


@pytest.fixture
async def watched(system: System, processes: System, camera: Camera) -> AsyncIterator[str]:
    """A system that has served, failed and watched a camera; the address of its API, which wants keys."""
    port = free_port()
    api = processes.start("api_service", VISIONFLEET_PORT=str(port), VISIONFLEET_ADMIN_KEY=KEY)
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as http:

            async def up() -> bool:
                try:
                    async with http.get("/readiness") as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            await system.until(up, "the API", 90)
            sinks = [{"type": "csv"}]
            film = {"sources": [{"reference": camera.url}], "model": MODEL, "sinks": sinks}
            async with http.post("/v1/streams", json=film) as answer:
                assert answer.status == 201, await answer.text()
            working = asyncio.create_task(work(http))
            yield f"127.0.0.1:{port}"
            working.cancel()
    finally:
        api.kill()


async def work(http: aiohttp.ClientSession) -> None:
    """Good requests, broken images and wrong ones, until it is canceled."""
    scene = (ROOT / "examples" / "images" / "scene.jpg").read_bytes()
    while True:
        for image in (scene, b"no picture"):
            form = aiohttp.FormData({"job": json.dumps({"model": MODEL["model_id"]})})
            form.add_field("image", image, filename="image")
            async with http.post("/v1/jobs", data=form) as answer:
                assert answer.status == 202, await answer.text()
        async with http.get("/v1/jobs/00000000000000000000000000000000"):
            pass
        await asyncio.sleep(0.2)


def queries() -> Iterator[tuple[str, str]]:
    """Every query of every dashboard, as Grafana sends it."""
    for name in dashboards.DASHBOARDS:
        for panel in dashboards.dashboard(name)["panels"]:
            for target in panel["targets"]:
                text = target["expr"].replace("$__rate_interval", "20s")
                yield f"{name}: {panel['title']}", re.sub(r"\$(hardware|model)", ".*", text)


@pytest.mark.skipif(BINARY is None, reason="NO PROMETHEUS: apt-get install prometheus")
async def test_prometheus_reads_everything_that_the_dashboards_show(
    watched: str, system: System, tmp_path: Path
) -> None:
    prometheus = Prometheus(tmp_path, watched)
    try:
        async with aiohttp.ClientSession(prometheus.url) as http:

            async def scraped() -> bool:
                found = await ask(http, "/api/v1/targets") or {"activeTargets": []}
                return [target["health"] for target in found["activeTargets"]] == ["up"]

            await system.until(scraped, "the target", 60)
            (group,) = (await ask(http, "/api/v1/rules"))["groups"]
            wanted = yaml.safe_load((OURS / "alerts.yml").read_text())["groups"][0]["rules"]
            assert [rule["name"] for rule in group["rules"]] == [rule["alert"] for rule in wanted]
            missing = dict.fromkeys(queries())

            async def all_have_data() -> bool:
                for where, query in list(missing):
                    if (await ask(http, "/api/v1/query", query=query))["result"]:
                        del missing[where, query]
                return not {where for where, _ in missing} - set(NOTHING_YET)

            try:
                await system.until(all_have_data, "data for every panel", 90)
            except AssertionError as late:
                raise AssertionError(list(missing)) from late
            for rule in (await ask(http, "/api/v1/rules"))["groups"][0]["rules"]:
                assert rule["health"] in {"ok", "unknown"}, rule
            firing = {alert["labels"]["alertname"] for alert in (await ask(http, "/api/v1/alerts"))["alerts"]}
            assert "VisionfleetDown" not in firing
    finally:
        prometheus.kill()
