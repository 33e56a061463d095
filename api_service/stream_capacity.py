"""Whether the workers can take one more stream, or more of one: what is asked of a model beside what workers have done.

Live streams leave frames out when there is too much, so a stream is refused only where everybody would be left with
too little (VISIONFLEET_STREAM_MIN_SHARE), and never the only one. A model that never ran has no known speed and is
admitted; files wait their turn. A change that asks for less, or the same, is never refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from shared.errors import StreamsOverloaded
from shared.fleet.state import Fleet
from shared.streams.records import Stream
from shared.streams.spec import PipelineSpec


def check(fleet: Fleet, streams: Iterable[Stream], spec: PipelineSpec, seen: Mapping[str, Any], share: float) -> None:
    """``seen`` is what probing the new stream's sources showed, by id. Raises StreamsOverloaded."""
    wanted = demand(fleet, spec, seen)
    if not share or not wanted:
        return
    asked: Counter[str] = Counter()
    for stream in streams:
        if stream.state == "running":
            asked.update(demand(fleet, stream.spec, stream.status.get("sources", {})))
    for model, frames in wanted.items():
        able, total = capacity(fleet, model), asked[model] + frames
        if asked[model] and able and able < share * total:
            raise StreamsOverloaded(
                f"The workers do about {able:.0f} frames/s of {model!r}, and with this one streams would ask for "
                f"{total:.0f}: lower `max_fps`, end a stream, or start a worker.",
                model=model,
            )


def asks_more(fleet: Fleet, before: Stream, spec: PipelineSpec, seen: Mapping[str, Any]) -> bool:
    """Whether a stream would ask for more of any model with its new specification than it does now."""
    now = demand(fleet, before.spec, before.status.get("sources", {}))
    return any(frames > now[model] for model, frames in demand(fleet, spec, seen).items())


def demand(fleet: Fleet, spec: PipelineSpec, sources: Mapping[str, Any]) -> Counter[str]:
    """Frames per second that the live sources of a stream ask of each model."""
    rate = sum(_rate(spec.fps_of(source), sources.get(source.id) or {}) for source in spec.sources)
    found: Counter[str] = Counter()
    for name in models_of(spec):
        info = fleet.resolve(name)
        if info is not None and rate:
            found[info.id] += rate  # type: ignore[assignment] # a Counter adds floats as well
    return found


def models_of(spec: PipelineSpec) -> list[str]:
    """What runs on each frame: the model, or those that the steps of its workflow name."""
    if spec.model is not None:
        return [spec.model.model_id]
    steps = (spec.workflow.specification or {}).get("steps") if spec.workflow is not None else None
    named = [step.get("model_id") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return [name for name in named if isinstance(name, str)]


def capacity(fleet: Fleet, model: str) -> float:
    """Jobs per second of all ready workers that have run the model lately; 0 when nobody knows."""
    return sum(worker.speeds.get(model, 0.0) for worker in fleet.workers if worker.state == "ready")


def _rate(most: float | None, source: Mapping[str, Any]) -> float:
    """Frames per second of one source, 0 when it is no live one or not known."""
    if not source.get("live"):
        return 0.0
    comes = float(source.get("fps") or source.get("declared_fps") or most or 0.0)
    return comes if most is None else min(most, comes)
