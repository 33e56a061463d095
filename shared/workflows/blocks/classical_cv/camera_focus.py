"""Scores of a camera's focus."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import supervision as sv

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, ObjectsOrInstancesRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision import focus, focus_overlay
from shared.workflows.vision.pixels import colour, grey


class CameraFocusV1(Block):
    """Brenner's measure: squared differences over two pixels. The answer shows where they are large."""

    ids = ("roboflow_core/camera_focus@v1",)
    label = "Camera Focus"
    summary = "Score how sharp a picture is, and show where."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,), "focus_measure": (kinds.FLOAT,)}

    class Fields(StepFields):
        """The image."""

        image: ImageRef

    def run(self, image: WorkflowImage) -> dict[str, Any]:
        """The measure as a grey image with the score written on it, and the score."""
        measure = focus.brenner(grey(image.pixels))
        score = float(measure.mean())
        shown = focus.stretched(measure)
        cv2.putText(shown, f"Focus value: {score:.2f}", (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
        return {"image": image.replaced(shown), "focus_measure": score}


class CameraFocusV2(Block):
    """Tenengrad: squared Sobel gradients, over the image and within boxes, with aids for whoever turns the lens."""

    ids = ("roboflow_core/camera_focus@v2",)
    label = "Camera Focus"
    summary = "Score how sharp a picture and parts of it are, and draw what helps to focus."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,), "focus_measure": (kinds.FLOAT,), "bbox_focus_measures": (kinds.LIST,)}

    class Fields(StepFields):
        """Exposure limits are in percent of full brightness; what is drawn can be chosen."""

        image: ImageRef
        underexposed_threshold_percent: float = 3.0
        overexposed_threshold_percent: float = 97.0
        show_zebra_warnings: bool = True
        grid_overlay: Literal["None", "2x2", "3x3", "4x4", "5x5"] = "3x3"
        show_hud: bool = True
        show_focus_peaking: bool = True
        show_center_marker: bool = True
        detections: ObjectsOrInstancesRef | None = None

    def run(
        self, image: WorkflowImage, detections: sv.Detections | None, grid_overlay: str, **shown: Any
    ) -> dict[str, Any]:
        """The image with the aids, its score, and a score for each box (None for one outside of the image)."""
        level = grey(image.pixels)
        measure = focus.tenengrad(level)
        score = float(measure.mean())
        canvas = colour(image.pixels)
        if shown["show_zebra_warnings"]:
            limits = shown["underexposed_threshold_percent"], shown["overexposed_threshold_percent"]
            focus_overlay.exposure_stripes(canvas, level, *limits)
        if shown["show_focus_peaking"]:
            focus_overlay.sharp_edges(canvas, measure)
        if shown["show_center_marker"]:
            focus_overlay.centre_mark(canvas)
        if grid_overlay != "None":
            focus_overlay.grid(canvas, int(grid_overlay[0]))
        if shown["show_hud"]:
            focus_overlay.panel(canvas, image.pixels, level, score)
        boxes = [] if detections is None else focus.box_means(measure, detections.xyxy)
        return {"image": image.replaced(canvas), "focus_measure": score, "bbox_focus_measures": boxes}
