"""Workflow blocks of other packages, in real processes: by entry point and by VISIONFLEET_WORKFLOW_PLUGINS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.tasks.processes import ROOT, Processes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

BLOCK = """
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields


class Shout(Block):
    ids = ("{name}/shout@v1",)
    label = "Shout"
    summary = "Say it in capitals."
    category = "formatter"
    outputs = {{"output": (kinds.STRING,)}}

    class Fields(StepFields):
        text: AnyRef | str

    def run(self, text):
        return {{"output": "{name}: " + str(text).upper()}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages as pip leaves it: one with an entry point, and a module that nobody announces."""
    made = tmp_path / "site"
    (made / "installed_blocks").mkdir(parents=True)
    (made / "installed_blocks" / "__init__.py").write_text("")
    (made / "installed_blocks" / "shouting.py").write_text(BLOCK.format(name="installed"))
    about = made / "installed_blocks-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-blocks\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[visionfleet.workflow_blocks]\nshouting = installed_blocks.shouting\n")
    (made / "named_blocks.py").write_text(BLOCK.format(name="named"))
    return made


@pytest.fixture
def system(redis_url: str, tmp_path: Path, site: Path) -> Iterator[Processes]:
    processes = Processes(
        redis_url,
        tmp_path,
        PYTHONPATH=os.pathsep.join((str(ROOT), str(site))),
        VISIONFLEET_WORKFLOW_PLUGINS="named_blocks",
        VISIONFLEET_WORKFLOW_PRELOAD="true",
    )
    processes.api()
    processes.worker()
    processes.until()
    yield processes
    processes.end()


def test_both_are_described_and_run_beside_the_core_blocks(system: Processes) -> None:
    described = requests.get(f"{system.url}/workflows/blocks/describe", timeout=60).json()["blocks"]
    names = {block["manifest_type_identifier"] for block in described}
    assert {"installed/shout@v1", "named/shout@v1", "roboflow_core/dynamic_crop@v1"} <= names
    definition: dict[str, Any] = {
        "version": "1.0",
        "inputs": [{"type": "WorkflowParameter", "name": "text"}],
        "steps": [
            {"type": "installed/shout@v1", "name": "first", "text": "$inputs.text"},
            {"type": "named/shout@v1", "name": "second", "text": "$steps.first.output"},
        ],
        "outputs": [{"type": "JsonField", "name": "said", "selector": "$steps.second.output"}],
    }
    answer = requests.post(
        f"{system.url}/workflows/run", json={"specification": definition, "inputs": {"text": "hello"}}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"] == [{"said": "named: INSTALLED: HELLO"}]
    checked = requests.post(f"{system.url}/workflows/validate", json=definition, timeout=60)
    assert checked.status_code == 200, checked.text


def test_a_plugin_that_cannot_be_imported_is_told_by_name(redis_url: str, tmp_path: Path, site: Path) -> None:
    (site / "installed_blocks" / "shouting.py").write_text("import a_library_that_is_missing\n")
    paths = os.pathsep.join((str(ROOT), str(site)))
    processes = Processes(redis_url, tmp_path, PYTHONPATH=paths, VISIONFLEET_WORKFLOW_PRELOAD="true")
    processes.api()
    processes.worker()
    try:
        processes.until()
        answer = requests.get(f"{processes.url}/workflows/blocks/describe", timeout=60)
        assert answer.status_code == 500
        assert "installed_blocks.shouting" in answer.json()["message"]
    finally:
        processes.end()
