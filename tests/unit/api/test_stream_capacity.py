"""Admission of streams by what workers have shown to do."""

from __future__ import annotations

from typing import Any

import pytest

from api_service import stream_capacity
from shared.errors import StreamsOverloaded
from shared.fleet.state import Fleet, ModelInfo, WorkerInfo
from shared.streams.records import Stream
from shared.streams.spec import PipelineSpec

LIVE = {"live": True, "fps": 20.0}


def fleet(*speeds: float, state: Any = "ready") -> Fleet:
    info = ModelInfo("shapes", "object-detection", "yolov8", aliases=["eyes"])
    workers = [
        WorkerInfo(str(number), "cpu", "host", 1, "1", 0, state=state, speeds={"shapes": speed})
        for number, speed in enumerate(speeds)
    ]
    return Fleet(workers=workers, models={"shapes": info})


def spec(**fields: Any) -> PipelineSpec:
    made = {"sources": [{"reference": "rtsp://cam"}], "model": {"model_id": "shapes"}, **fields}
    return PipelineSpec.model_validate(made)


def running(count: int, source: dict[str, Any] | None = None) -> list[Stream]:
    report = {"sources": {"0": source or LIVE}}
    return [
        Stream(str(n), spec(), "running", 1, 1, "me", until_ms=10, created_ms=0, now_ms=5, status=report)
        for n in range(count)
    ]


def test_a_stream_is_refused_when_everybody_would_get_too_little() -> None:
    stream_capacity.check(fleet(30.0), running(14), spec(), {"0": LIVE}, 0.1)  # 300 frames/s of 30
    with pytest.raises(StreamsOverloaded, match=r"30 frames/s of 'shapes'.*320.*max_fps"):
        stream_capacity.check(fleet(30.0), running(15), spec(), {"0": LIVE}, 0.1)
    stream_capacity.check(fleet(30.0, 30.0), running(15), spec(), {"0": LIVE}, 0.1)  # another worker
    stream_capacity.check(fleet(30.0), running(15), spec(), {"0": LIVE}, 0.0)  # switched off


def test_a_lower_rate_files_and_unknown_speeds_are_admitted() -> None:
    stream_capacity.check(fleet(30.0), running(14), spec(max_fps=1.0), {"0": LIVE}, 0.1)
    stream_capacity.check(fleet(1.0), running(9), spec(), {"0": {"live": False, "fps": 500.0}}, 0.1)
    stream_capacity.check(fleet(), running(99), spec(), {"0": LIVE}, 0.1)
    stream_capacity.check(fleet(1.0), running(99), spec(model=None), {"0": LIVE}, 0.1)
    asked_less = running(99, {"live": True, "fps": 0.0, "declared_fps": None})
    stream_capacity.check(fleet(30.0), asked_less, spec(), {"0": LIVE}, 0.1)


def test_the_only_stream_is_admitted_however_slow_the_model() -> None:
    stream_capacity.check(fleet(0.1), [], spec(), {"0": LIVE}, 0.1)


def test_draining_workers_do_not_count() -> None:
    stream_capacity.check(fleet(1.0, state="draining"), running(9), spec(), {"0": LIVE}, 0.1)


def test_models_of_a_workflows_steps_count_each() -> None:
    steps = [{"type": "a", "model_id": "eyes"}, {"type": "a", "model_id": "shapes"}, {"type": "b", "model_id": 3}]
    both = spec(model=None, workflow={"specification": {"steps": steps}})
    assert stream_capacity.demand(fleet(1.0), both, {"0": LIVE}) == {"shapes": 40.0}


def test_what_asks_for_no_more_is_not_looked_at() -> None:
    (before,) = running(1)
    seen = {"0": LIVE}
    assert not stream_capacity.asks_more(fleet(1.0), before, spec(), seen)
    assert not stream_capacity.asks_more(fleet(1.0), before, spec(max_fps=3.0), seen)
    two = spec(sources=[{"reference": "rtsp://cam"}, {"reference": "rtsp://other", "id": "1"}])
    assert stream_capacity.asks_more(fleet(1.0), before, two, {"0": LIVE, "1": LIVE})
    assert not stream_capacity.asks_more(fleet(1.0), before, two, {"0": LIVE, "1": {"live": False, "fps": 30.0}})
    slow = Stream("s", spec(max_fps=1.0), "running", 1, 1, "me", until_ms=10, created_ms=0, now_ms=5)
    slow.status = {"sources": {"0": LIVE}}
    assert stream_capacity.asks_more(fleet(1.0), slow, spec(max_fps=2.0), seen)
