"""QR and bar codes: written, found, read."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.batch import Batch
from shared.workflows.blocks.models.barcode_detector import BarcodeDetector
from shared.workflows.blocks.models.qr_code_detector import QrCodeDetector
from shared.workflows.blocks.transformations.qr_code_generator import QrCodeGenerator
from shared.workflows.testing import run_block
from shared.workflows.vision.pixels import rotated
from tests.unit.workflows.pictures import image, plain


@pytest.mark.parametrize(
    "level", ["Low (~7% word recovery / highest data capacity)", "High (~30% word recovery / lowest data capacity)"]
)
@pytest.mark.parametrize("text", ["https://example.org/a?b=c", "žluťoučký kůň", "12345"])
def test_written_qr_codes_can_be_read(text: str, level: str) -> None:
    code = run_block(QrCodeGenerator, text=text, error_correct=level)["qr_code"]
    assert code.size[0] % 10 == 0
    assert code.pixels[0, 0].tolist() == [255] * 3
    (read,) = run_block(QrCodeDetector, images=Batch([code]))
    assert read["predictions"].data["data"].tolist() == [text]


def test_qr_code_look() -> None:
    code = run_block(QrCodeGenerator, text="a", border=1, fill_color="#102030", back_color="YELLOW")["qr_code"]
    assert code.size == (230, 230)  # version 1: 21 modules and two borders
    assert code.pixels[0, 0].tolist() == [0, 255, 255]
    assert code.pixels[15, 15].tolist() == [0x30, 0x20, 0x10]
    for bad in ({"text": ""}, {"text": "x" * 3000}, {"text": "a", "border": -1}):
        with pytest.raises(InvalidRequest):
            run_block(QrCodeGenerator, **bad)


def test_qr_codes_are_found_where_they_are_at_any_angle() -> None:
    code = run_block(QrCodeGenerator, text="here", border=4)["qr_code"].pixels
    page = np.full((760, 900, 3), 255, np.uint8)
    page[100 : 100 + code.shape[0], 500 : 500 + code.shape[1]] = code
    turned = 255 - rotated(255 - code, 33)
    page[320 : 320 + turned.shape[0], 20 : 20 + turned.shape[1]] = turned
    scene = image(page)
    (made,) = run_block(QrCodeDetector, images=Batch([scene]))
    boxes = made["predictions"]
    assert boxes.data["data"].tolist() == ["here", "here"]
    assert columns.names(boxes) == ["qr_code"] * 2
    assert boxes.data["prediction_type"].tolist() == ["qrcode-detection"] * 2
    upright = boxes.xyxy[boxes.xyxy[:, 0].argmax()]
    assert upright == pytest.approx([540, 140, 540 + 210, 140 + 210], abs=4)
    assert (boxes.xyxy[:, 2:] > boxes.xyxy[:, :2]).all()


def test_bar_codes_are_read() -> None:
    import zxingcpp

    bars = np.array(zxingcpp.create_barcode("5901234123457", zxingcpp.EAN13).to_image(scale=3))
    page = np.full((300, 600, 3), 255, np.uint8)
    page[50 : 50 + bars.shape[0], 60 : 60 + bars.shape[1]] = bars.reshape(*bars.shape[:2], -1)[..., :1]
    (made, nothing) = run_block(BarcodeDetector, images=Batch([image(page), plain()]))
    assert made["predictions"].data["data"].tolist() == ["5901234123457"]
    assert columns.names(made["predictions"]) == ["barcode"]
    assert made["predictions"].data["prediction_type"].tolist() == ["barcode-detection"]
    assert made["predictions"].data["parent_id"].tolist() == ["image"]
    assert len(nothing["predictions"]) == 0
    (qr,) = run_block(QrCodeDetector, images=Batch([image(page)]))
    assert len(qr["predictions"]) == 0, "a bar code is no QR code"
