"""Draw the ways of tracked objects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import supervision as sv

from shared.workflows.block import STATEFUL
from shared.workflows.blocks.transformations.stabilize_detections import tracker_ids
from shared.workflows.blocks.visualizations._drawing import (
    Anchor,
    PaletteDrawing,
    Visualization,
    canvas,
    position,
    style,
)
from shared.workflows.fields import IntRef, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services


class Trace(Visualization):
    """A line through an anchor of each object's box over its last frames."""

    ids = ("roboflow_core/trace_visualization@v1",)
    label = "Trace Visualization"
    summary = "Draw the ways that tracked objects came."
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(PaletteDrawing):
        """Length in frames, thickness in pixels. A video's first values count."""

        position: Anchor | StrRef = "CENTER"
        trace_length: int | IntRef = 30
        thickness: int | IntRef = 1

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._traces: PerVideo[Any] = PerVideo(sv.TraceAnnotator)

    def run(self, image: WorkflowImage, predictions: sv.Detections, **values: Any) -> dict[str, Any]:
        """The drawn image. Raises InvalidRequest for detections that are not tracked."""
        tracker_ids(predictions, "The trace visualization")
        begin = partial(
            sv.TraceAnnotator,
            **style(values),
            position=position(values["position"]),
            trace_length=max(1, values["trace_length"]),
            thickness=values["thickness"],
        )
        trace = self._traces.of(image.video_metadata, begin)
        return {"image": image.replaced(trace.annotate(canvas(image), predictions))}
