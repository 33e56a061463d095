"""Write a QR code."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

import numpy as np
import segno

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.colors import bgr
from shared.workflows.fields import IntRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage

MODULE = 10  # pixels
MOST_BORDER = 100


class QrCodeGenerator(Block):
    """The smallest version that holds the text; ten pixels per module."""

    ids = ("roboflow_core/qr_code_generator@v1", "QRCodeGenerator")
    label = "QR Code Generator"
    summary = "Write text as a QR code."
    category = "transformation"
    outputs = {"qr_code": (kinds.IMAGE,)}

    class Fields(StepFields):
        """``border`` in modules."""

        text: str | StrRef
        error_correct: Literal[
            "Low (~7% word recovery / highest data capacity)",
            "Medium (~15% word recovery)",
            "Quartile (~25% word recovery)",
            "High (~30% word recovery / lowest data capacity)",
        ] = "Medium (~15% word recovery)"
        border: int | IntRef = 4
        fill_color: str | StrRef = "BLACK"
        back_color: str | StrRef = "WHITE"

    def run(self, text: str, error_correct: str, border: int, fill_color: str, back_color: str) -> dict[str, Any]:
        """The code as an image."""
        if not text:
            raise InvalidRequest("There is no text to write as a QR code.")
        if not 0 <= border <= MOST_BORDER:
            raise InvalidRequest(f"border lies between 0 and {MOST_BORDER} modules.")
        try:
            code = segno.make(text, error=error_correct[0].lower(), micro=False, boost_error=False)
        except segno.DataOverflowError:
            raise InvalidRequest("The text is too long for a QR code of that error correction.") from None
        dark = np.pad(np.array([list(row) for row in code.matrix], bool), border)
        dark = np.kron(dark, np.ones((MODULE, MODULE), bool))
        pixels = np.where(dark[..., None], np.array(bgr(fill_color)), np.array(bgr(back_color))).astype(np.uint8)
        return {"qr_code": WorkflowImage.from_pixels(pixels, f"qr_code.{uuid4()}")}
