"""Read QR codes."""

from __future__ import annotations

from typing import Any

import zxingcpp

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.codes import read_codes

FORMATS = [zxingcpp.QRCode, zxingcpp.MicroQRCode, zxingcpp.RMQRCode]


class QrCodeDetector(Block):
    """QR, Micro QR and rectangular Micro QR codes, at any angle."""

    ids = ("roboflow_core/qr_code_detector@v1", "QRCodeDetector", "QRCodeDetection")
    label = "QR Code Detection"
    summary = "Find and read QR codes."
    category = "model"
    outputs = {"predictions": (kinds.QR_CODES,)}
    batch = ("images",)

    class Fields(StepFields):
        """The images."""

        images: ImageRef

    def run(self, images: Batch[WorkflowImage]) -> list[dict[str, Any]]:
        """Per image detections of class ``qr_code``; the column ``data`` has the text."""
        return [{"predictions": read_codes(image, "qr_code", "qrcode-detection", FORMATS)} for image in images]
