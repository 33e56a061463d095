"""Outlines of bright shapes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.pixels import colour, grey

PURPLE = (255, 0, 255)


class ContoursDetection(Block):
    """Outer outlines only, of everything that is not black: threshold the image first."""

    ids = ("roboflow_core/contours_detection@v1",)
    label = "Image Contours"
    summary = "Find, count and draw the outlines of bright shapes."
    category = "classical_computer_vision"
    outputs = {
        "image": (kinds.IMAGE,),
        "contours": (kinds.CONTOURS,),
        "hierarchy": (kinds.ARRAY,),
        "number_contours": (kinds.INTEGER,),
    }

    class Fields(StepFields):
        """``line_thickness`` in pixels; negative fills the shapes."""

        image: ImageRef
        line_thickness: IntRef | int = 3

    def run(self, image: WorkflowImage, line_thickness: int) -> dict[str, Any]:
        """The grey image with purple outlines; each outline [N, 1, 2]; OpenCV's hierarchy [1, N, 4]."""
        bright = np.ascontiguousarray(grey(image.pixels))
        contours, hierarchy = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        canvas = colour(bright)
        cv2.drawContours(canvas, contours, -1, PURPLE, line_thickness)
        return {
            "image": image.replaced(canvas),
            "contours": list(contours),
            "hierarchy": hierarchy,
            "number_contours": len(contours),
        }
