"""A model of every task that an SDK can ask for, beside the bundled ones: tiny graphs with known answers.

On a picture of 64 x 64 they find the "a" and the "b" of ``examples.BOXES``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np

from tests.integration import dial_model
from tests.parity import foundation as nets
from tests.unit.engine import examples, graphs

TASKS = {
    "tiny-boxes": ("yolov8", "object-detection"),
    "tiny-masks": ("yolov8-seg", "instance-segmentation"),
    "tiny-poses": ("yolov8-pose", "keypoint-detection"),
    "tiny-classes": ("semantic-segmentation", "semantic-segmentation"),
    "tiny-labels": ("classification", "classification"),
}

CORE = {
    "clip/ViT-B-16": "clip",
    "perception_encoder/PE-Core-L14-336": "clip-joint",
    "depth-anything-v2/small": "depth-anything",
    "trocr/trocr-base-printed": "trocr-merged",
    "florence-2-base": "florence2",
    "sam/vit_h": "sam-meta",
    "yolo_world/l": "yolo-world",
    "grounding_dino/default": "grounding-dino",
    "owlv2/owlv2-large-patch14-ensemble": "owlv2",
    "sam2/hiera_tiny": "sam2-hf",
    "pp_ocr/small-small": "pp-ocr",
    "doctr/default": "doctr",
    "easy_ocr/english_g2": "easyocr",
    "gaze/L2CS": "l2cs",
    "faces/yunet": "yunet",
    "smolvlm2/smolvlm-2.2b-instruct": "smolvlm",
    "moondream2/moondream2_2b_jul24": "moondream2",
    "paligemma2-3b-pt-224": "paligemma",
}
"""Core models, by the ids that the SDK's methods lead to."""


def write(folder: Path) -> Path:
    """The models, each with the alias ``name/1``: API v0 of the SDK asks for a project and a version."""
    for name, (family, task) in TASKS.items():
        more = {"multi_label": True} if name == "tiny-labels" else {}
        examples.model(folder / name, family, task, aliases=[f"{name}/1"], **more)
    for name, net in CORE.items():
        shutil.copytree(nets.FOLDER / net, folder / name)
        manifest = folder / name / "model.json"
        manifest.write_text(manifest.read_text().replace(f'"id": "{net}"', f'"id": "{name}"'))
    return dial_model.repository(folder)  # and one that takes as long as its picture is bright


def picture(path: Path) -> Path:
    """A picture that is the networks' input as it is."""
    pixels = np.full((graphs.SIZE, graphs.SIZE, 3), 200, np.uint8)
    cv2.imwrite(str(path), pixels)
    return path
