"""Blocks of detections, frames and texts, each as a whole definition; the rest is in test_single_blocks.py."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from shared.workflows import detections as columns
from shared.workflows.compiler import compile_workflow
from shared.workflows.images import VideoMetadata
from shared.workflows.services import Services
from shared.workflows.session import Session
from tests.unit.workflows.pictures import found, frame, image, plain
from tests.unit.workflows.test_single_blocks import IMAGE, OBJECTS, SCENE, R, definition, one

BOXES = ((10, 10, 30, 30), (50, 10, 70, 30), (90, 10, 110, 30))


def test_what_was_taken_away_between_two_pictures() -> None:
    scene = plain(160, 120)
    before, after = found(scene, *BOXES), found(scene, *BOXES[:2])
    kinds, fields = (
        {"a": OBJECTS, "b": OBJECTS},
        {"reference_predictions": "$inputs.a", "candidate_predictions": "$inputs.b"},
    )
    made = definition([{"type": R + "detections_difference@v1", "name": "s", **fields}], {"all": "$steps.s.*"}, **kinds)
    with Session(compile_workflow(made)) as session:
        (taken,) = session.run({"image": scene, "a": [before], "b": [after]}, serialised=True).outputs
        (same,) = session.run({"image": scene, "a": [before], "b": [before]}, serialised=True).outputs
    gone, none = taken["all"], same["all"]
    assert (gone["removed_count"], gone["new_count"], gone["verified"]) == (1, 0, True)
    assert [box["x"] for box in gone["removed_detections"]["predictions"]] == [100]
    assert len(gone["persisted_detections"]["predictions"]) == 2
    assert (none["removed_count"], none["verified"]) == (0, False)


def test_confidence_by_class_for_a_batch() -> None:
    scene = plain(160, 120)
    first = found(scene, *BOXES, classes=("cat", "dog", "owl"), confidence=[0.5, 0.5, 0.5])
    second = found(scene, *BOXES, classes=("cat", "cat", "owl"), confidence=[0.3, 0.9, 0.2])
    fields = {"predictions": "$inputs.p", "class_thresholds": {"cat": 0.4, "dog": 0.8}}
    given = [{"image": [scene, scene], "p": [first, second]}]
    ((one_row, other),) = one("per_class_confidence_filter@v1", given, {"p": OBJECTS}, **fields)
    assert columns.names(one_row["predictions"]) == ["cat", "owl"]
    assert columns.names(other["predictions"]) == ["cat"]
    ((strict, _),) = one("per_class_confidence_filter@v1", given, {"p": OBJECTS}, **fields, default_threshold=0.6)
    assert columns.names(strict["predictions"]) == ["cat"], "classes without a threshold of their own"


def test_a_class_stays_locked_over_runs() -> None:
    scene = plain(160, 120)
    given = []
    for number, name in enumerate(["cat"] * 12 + ["dog"] * 3):
        seen = found(scene, BOXES[0], classes=(name,), confidence=[0.9], tracker_id=[7])
        given.append({"image": frame(scene.pixels, number), "d": [seen]})
    runs = one("track_class_lock@v1", given, {"d": OBJECTS}, **IMAGE, detections="$inputs.d")
    assert [columns.names(row["tracked_detections"]) for (row,) in runs[-3:]] == [["cat"]] * 3


@pytest.mark.parametrize(
    ("name", "expected"), [("aspect_ratio", 160 / 120), ("frame_number", 4), ("timestamp", "2026-01-02")]
)
def test_properties_of_pictures_and_frames(name: str, expected: Any) -> None:
    when = datetime(2026, 1, 2, tzinfo=timezone.utc)
    shot = image(SCENE, VideoMetadata("cam", frame_number=4, frame_timestamp=when))
    operations = [{"type": "ExtractImageProperty" if name == "aspect_ratio" else "ExtractFrameMetadata",
                   "property_name": {"timestamp": "frame_timestamp"}.get(name, name)}]  # fmt: skip
    ((row,),) = one("property_definition@v1", [{"image": shot}], data="$inputs.image", operations=operations)
    assert str(row["output"]).startswith(str(expected)) if name == "timestamp" else row["output"] == expected
    ((photo,),) = one("property_definition@v1", [{"image": SCENE}], data="$inputs.image", operations=operations)
    assert photo["output"] is not None


def test_text_tables_and_the_time() -> None:
    now = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    steps = [
        {"type": R + "string_template@v1", "name": "t", "template": "{who} has {n}",
         "data": {"who": "$inputs.who", "n": 3}},
        {"type": R + "csv_formatter@v1", "name": "c", "columns_data": {"who": "$inputs.who", "n": 3}},
        {"type": R + "current_time@v1", "name": "now", "timezone": "Asia/Kolkata"},
    ]  # fmt: skip
    made = definition(
        steps, {"text": "$steps.t.output", "table": "$steps.c.csv_content", "now": "$steps.now.iso_string"}
    )
    made["inputs"] = [{"type": "WorkflowParameter", "name": "who"}]
    services = Services(now=lambda: now)
    with Session(compile_workflow(made), services) as session:
        (row,) = session.run({"who": "Ann"}).outputs
    assert row["text"] == "Ann has 3"
    (line,) = csv.DictReader(io.StringIO(row["table"]))
    assert (line["who"], line["n"]) == ("Ann", "3")
    told = datetime.fromisoformat(row["now"])
    assert (told, told.utcoffset()) == (now, timedelta(hours=5, minutes=30))
