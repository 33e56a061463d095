"""Read bar codes."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.codes import read_codes


class BarcodeDetector(Block):
    """All formats that zxing-cpp knows: EAN, UPC, Code 39/93/128, ITF, Codabar, DataBar, and two-dimensional ones."""

    ids = ("roboflow_core/barcode_detector@v1", "BarcodeDetector", "BarcodeDetection")
    label = "Barcode Detection"
    summary = "Find and read bar codes."
    category = "model"
    outputs = {"predictions": (kinds.BAR_CODES,)}
    batch = ("images",)

    class Fields(StepFields):
        """The images."""

        images: ImageRef

    def run(self, images: Batch[WorkflowImage]) -> list[dict[str, Any]]:
        """Per image detections of class ``barcode``; the column ``data`` has the text."""
        return [{"predictions": read_codes(image, "barcode", "barcode-detection")} for image in images]
