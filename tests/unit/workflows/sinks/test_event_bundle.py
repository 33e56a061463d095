"""Bundles of events on disk."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from shared.workflows.blocks.sinks.vision_event_bundle import VisionEventBundle
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import make, run_block
from tests.unit.workflows.pictures import found, plain


def write(where: Path, block: Any = None, **fields: Any) -> dict[str, Any]:
    made = block or make(VisionEventBundle, Services(settings=WorkflowSettings(workflow_write_dir=where)))
    given = {"target_directory": "events", "event_type": "safety_alert", "fire_and_forget": False, **fields}
    answer: dict[str, Any] = run_block(made, **given)
    return answer


def test_a_bundle_is_whole(tmp_path: Path) -> None:
    image = plain()
    answer = write(
        tmp_path, input_image=image, predictions=found(image, (0, 0, 9, 9)), severity="high", item_count=3,
        external_id="e1", custom_metadata={"gate": 4},
    )  # fmt: skip
    assert (answer["error_status"], answer["throttling_status"]) == (False, False)
    (path,) = (tmp_path / "events").iterdir()
    assert (path.name, tmp_path / answer["bundle_path"]) == (f"{answer['event_id']}.tar", path)
    with tarfile.open(path) as bundle:
        files = {name: bundle.extractfile(name).read() for name in bundle.getnames()}  # type: ignore[union-attr]
    event = json.loads(files["event.json"])
    assert event["event_data"] == {"severity": "high"}  # the count is of another type of event
    assert (event["event_id"], event["external_id"]) == (answer["event_id"], "e1")
    assert event["custom_metadata"] == {"gate": 4}
    assert event["files"] == ["input_image.jpg", "predictions.json"]
    assert files["input_image.jpg"] == image.jpeg()
    assert json.loads(files["predictions.json"])["predictions"][0]["class"] == "cat"


def test_nothing_is_written_elsewhere_or_in_the_cooldown(tmp_path: Path) -> None:
    for fields in ({"target_directory": "../out"}, {"event_type": "party"}):
        answer = write(tmp_path / "allowed", **fields)
        assert (answer["error_status"], answer["event_id"], answer["bundle_path"]) == (True, "", "")
    assert list(tmp_path.rglob("*.tar")) + list(tmp_path.rglob("*.part")) == []
    settings = WorkflowSettings(workflow_write_dir=tmp_path)
    block = make(VisionEventBundle, Services(settings=settings, monotonic=lambda: 1.0))
    assert [write(tmp_path, block)["throttling_status"] for _ in range(2)] == [False, True]
    assert len(list(tmp_path.rglob("*.tar"))) == 1
    assert (
        "VISIONFLEET_WORKFLOW_WRITE_DIR"
        in run_block(VisionEventBundle, target_directory="a", event_type="custom", fire_and_forget=False)["message"]
    )
