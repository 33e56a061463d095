"""Pages of blocks are what the code says, and their examples run."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import cv2
import numpy as np
import pytest

from shared.workflows.block import Block
from shared.workflows.catalog import core, unique
from shared.workflows.compiler import compile_workflow
from shared.workflows.images import WorkflowImage
from shared.workflows.models import FixedModels
from shared.workflows.services import Services
from shared.workflows.session import Session
from tests.architecture.block_examples import definition, written
from tests.architecture.block_pages import COMPILED, FOLDER, TABLE, not_here, pages
from tests.architecture.tree import ROOT

BLOCKS = unique(core())
NEEDS = ROOT / "tests" / "golden" / "workflow_needs.json"
RENEW = "run: python -m tests.architecture.block_pages"

BOX = {"x": 100.0, "y": 75.0, "width": 60.0, "height": 45.0, "confidence": 0.9, "class": "square", "class_id": 0}
OTHER = {**BOX, "x": 210.0, "y": 130.0, "class": "circle", "class_id": 1, "confidence": 0.8}
OUTLINE = [{"x": x, "y": y} for x, y in ((70, 52), (130, 52), (130, 98), (70, 98))]
NOSE = [{"x": 100.0, "y": 75.0, "confidence": 0.9, "class_id": 0, "class": "nose"}]
SIZE = {"width": 320, "height": 240}

VECTOR = {"image": SIZE, "embedding": [0.6, 0.8], "similarity": [0.3, 0.2]}


def plane(values: Any) -> bytes:
    """A plane of pixels as PNG."""
    return bytes(cv2.imencode(".png", np.asarray(values, np.uint8))[1])


ANSWERS: dict[str, dict[str, Any]] = {
    "shapes-detector": {"image": SIZE, "predictions": [BOX, OTHER]},
    "my-segmenter": {"image": SIZE, "predictions": [{**BOX, "points": OUTLINE}]},
    "my-keypoints": {"image": SIZE, "predictions": [{**BOX, "keypoints": NOSE}]},
    "shapes-classifier": {
        "image": SIZE,
        "predictions": [{"class": "square", "class_id": 0, "confidence": 0.9}],
        "top": "square",
        "confidence": 0.9,
    },
    "my-labels": {
        "image": SIZE,
        "predictions": {"square": {"class_id": 0, "confidence": 0.9}},
        "predicted_classes": ["square"],
    },
    "clip/ViT-B-16": VECTOR,
    "clip/ViT-B-32": VECTOR,
    "perception_encoder/PE-Core-L14-336": VECTOR,
    "doctr/default": {"image": SIZE, "result": "EXIT", "predictions": [BOX]},
    "gaze/L2CS": {"image": SIZE, "predictions": [{"face": {**BOX, "landmarks": []}, "yaw": 0.1, "pitch": 0.0}]},
    "easy_ocr/english_g2": {"image": SIZE, "result": "EXIT", "predictions": [BOX]},
    "pp_ocr/small-small": {"image": SIZE, "result": "EXIT", "predictions": [BOX]},
    "moondream2/moondream2_2b_jul24": {"image": SIZE, "response": {}, "predictions": [BOX]},
    "yolo_world/v2-s": {"image": SIZE, "predictions": [BOX]},
    "sam2/hiera_tiny": {
        "image": SIZE,
        "predictions": [
            {"confidence": 0.9, "format": "rle", "masks": {"size": [240, 320], "counts": [100, 100, 76600]}}
        ],
    },
    "florence-2-base": {"image": SIZE, "response": {"<OPEN_VOCABULARY_DETECTION>": {"bboxes": []}}},
    "smolvlm2/smolvlm-2.2b-instruct": {"image": SIZE, "response": "a square"},
    "depth-anything-v3/small": {
        "image": SIZE,
        "normalized_depth": b64encode(plane(np.eye(240, 320))).decode(),
        "visualization": plane(np.zeros((240, 320, 3))),
    },
    "my-semantic": {
        "image": SIZE,
        "predictions": {
            "segmentation_mask": plane(np.eye(240, 320)),
            "confidence_mask": plane(np.full((240, 320), 255)),
            "class_map": {"0": "background", "1": "road"},
            "present_class_ids": [0, 1],
        },
    },
}


@pytest.fixture(scope="module")
def scene() -> WorkflowImage:
    pixels = cv2.imread(str(ROOT / "examples" / "images" / "scene.jpg"))
    return WorkflowImage.from_pixels(cv2.resize(pixels, (320, 240)))


def test_pages_are_up_to_date() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.md")} == pages(), RENEW


def test_every_identifier_is_here_or_has_a_reason_why_not() -> None:
    here = {block.ids[0] for block in BLOCKS} | COMPILED
    reasons = [name for names in not_here().values() for name in names]
    assert len(reasons) == len(set(reasons))
    assert set(reasons) == set(json.loads(TABLE.read_text())) - here
    core = [name for name in here if name.startswith("roboflow_core/")]
    assert len(core) >= 130
    assert not [name for name in PRACTICAL if not any(name in one for one in core)]


def test_no_block_is_missing_that_needs_nothing_but_itself() -> None:
    """Nor one for the models that Roboflow trains. The table's identifiers by what they need."""
    needs = json.loads(NEEDS.read_text())
    assert {name for names in needs.values() for name in names} == set(json.loads(TABLE.read_text()))
    missing = {name for names in not_here().values() for name in names}
    assert missing & set(needs["alone"]) == set()
    assert [name for name in missing if "/roboflow_" in name and name in needs["model"]] == []


# What nearly every definition is made of.
PRACTICAL = (
    *("roboflow_object_detection_model", "roboflow_instance_segmentation_model", "roboflow_keypoint_detection_model"),
    *("roboflow_classification_model", "roboflow_multi_label_classification_model", "dynamic_crop", "absolute_static"),
    *("relative_stat", "detections_filter", "detections_transformation", "detection_offset", "detections_consensus"),
    *("detections_classes_replacement", "detections_stitch", "detections_merge", "image_slicer@v1", "image_slicer@v2"),
    *("dimension_collapse", "continue_if", "rate_limiter", "delta_filter", "inner_workflow", "property_definition"),
    *("expression", "first_non_empty_or_default", "json_parser", "csv_formatter", "string_template", "switch_case"),
    *("vlm_as_classifier@v1", "vlm_as_classifier@v2", "vlm_as_detector@v1", "vlm_as_detector@v2", "data_aggregator"),
    *("byte_tracker@v1", "byte_tracker@v2", "byte_tracker@v3", "line_counter@v1", "line_counter@v2"),
    *("time_in_zone@v1", "time_in_zone@v2", "time_in_zone@v3", "path_deviation_analytics@v1"),
    *("path_deviation_analytics@v2", "bounding_box_visualization", "label_visualization", "mask_visualization"),
    *("polygon_visualization", "dot_visualization", "keypoint_visualization", "trace_visualization"),
    *("classification_label_visualization", "template_matching", "sift@v1", "contours_detection", "threshold"),
    *("image_blur", "convert_grayscale", "image_preprocessing", "local_file_sink", "webhook_sink"),
    *("environment_secrets_store", "barcode_detector", "qr_code_detector", "clip@v1", "clip_comparison@v1"),
    *("clip_comparison@v2", "ocr_model@v1", "trackers_bytetrack@v1", "trackers_sort@v1"),
)


def test_written_examples_are_of_blocks_that_there_are() -> None:
    assert set(written()) <= {block.ids[0] for block in BLOCKS}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.ids[0])
def test_examples_run(block: type[Block], scene: WorkflowImage) -> None:
    made = definition(block)
    plan = compile_workflow(made)
    if why := written().get(block.ids[0], {}).get("compiled_only"):
        assert why
        return
    services = Services(models=FixedModels({name: [answer] for name, answer in ANSWERS.items()}))
    with Session(plan, services) as session:
        (row, *_) = session.run({"image": scene}, serialised=True).outputs
    assert set(row) == {output["name"] for output in made["outputs"]}
