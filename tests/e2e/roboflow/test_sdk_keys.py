"""A server that asks for keys: inference-sdk with one, our client with one, and the launcher with its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from visionfleet import Client
from visionfleet.errors import Forbidden, Unauthorized

from deploy.local.http import NoAnswer, get_json
from tests.launcher import ROOT, START_S, Launched, end, launch
from tests.sdk.environments import VERSIONS, CallFailed, Sdk, image, python_of, start, stop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SCENE = ROOT / "examples" / "images" / "scene.jpg"


@dataclass
class Closed:
    """A server on all addresses, and two of its keys."""

    launched: Launched
    admin: str
    infer: str

    @property
    def url(self) -> str:
        return self.launched.base_url


def make(folder: Path, *words: str) -> str:
    """``visionfleet keys create --direct``, which finds the embedded Redis by the data folder."""
    command = [sys.executable, "-m", "visionfleet.cli.app", "keys", "create", *words, "--direct", "--json"]
    variables = {**os.environ, "VISIONFLEET_DATA_DIR": str(folder), "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    key: str = json.loads(done.stdout)["key"]
    return key


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    folder = tmp_path_factory.mktemp("closed")
    launched = launch(folder, "--no-demo", VISIONFLEET_HOST="0.0.0.0")
    try:
        deadline = time.monotonic() + START_S
        while not _playground_is_announced(folder):  # the launcher saw its workers, with its own key
            assert launched.process.poll() is None, (folder / "launcher.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        with pytest.raises(NoAnswer, match="401"):
            get_json(f"{launched.base_url}/v1/fleet")
        admin = make(folder, "me", "--scope", "admin")
        infer = make(folder, "sdk", "--scope", "infer")
        _until_taken(launched, infer)
        yield Closed(launched, admin, infer)
    finally:
        end(launched)


def _playground_is_announced(folder: Path) -> bool:
    return "playground" in (folder / "launcher.log").read_text()


def _until_taken(launched: Launched, key: str) -> None:
    for _ in range(100):
        try:
            get_json(f"{launched.base_url}/v1/models", key=key)
        except NoAnswer:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the key never worked")


@pytest.fixture(scope="module", params=VERSIONS)
def sdk(request: pytest.FixtureRequest, closed: Closed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    python_of(request.param)
    started = start(request.param, closed.url, tmp_path_factory.mktemp("sdk") / "driver.log")
    yield started
    stop(started)


def test_the_sdk_with_a_key(sdk: Sdk, closed: Closed) -> None:
    answer = sdk.call("infer", image(SCENE), model_id="shapes-detector", mode="v1", key=closed.infer)
    assert answer["predictions"]
    with pytest.raises(CallFailed) as caught:
        sdk.call("infer", image(SCENE), model_id="shapes-detector", mode="v1", key="vf_wrong")
    assert caught.value.status == 401
    with pytest.raises(CallFailed):
        sdk.call("unload_all_models", mode="v1", key=closed.infer)  # asks for the scope `models`


def test_our_client_with_a_key(closed: Closed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONFLEET_API_KEY", closed.infer)
    with Client(closed.url) as client:
        assert len(client.infer(SCENE, "shapes-detector")) > 0
        with pytest.raises(Forbidden):
            client.keys.list()
    with Client(closed.url, api_key=closed.admin) as admin:
        assert [key.name for key in admin.keys.list()] == ["me", "sdk"]
    monkeypatch.delenv("VISIONFLEET_API_KEY")
    with Client(closed.url) as nobody, pytest.raises(Unauthorized):
        nobody.infer(SCENE, "shapes-detector")


def test_no_key_is_left_anywhere(closed: Closed) -> None:
    """Not in a log, and not in Redis's file."""
    files = [path for path in closed.launched.data_dir.rglob("*") if path.is_file() and path.name != "lock"]
    assert any("appendonly" in path.name for path in files)
    for key in (closed.admin, closed.infer):
        secret = key.split("_", 2)[2].encode()
        assert [path for path in files if secret in path.read_bytes()] == []
