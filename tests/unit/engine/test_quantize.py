"""``worker_service.quantize`` on the demo models, trained networks whose accuracy is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from models.training.samples import HELD_OUT, classifier_picture, detector_scene
from models.training.shapes import LABELS
from shared.errors import InvalidRequest
from tests.unit.engine import graphs
from worker_service.engine.engine import Engine
from worker_service.quantize import Labelled, Options, compare, convert, make
from worker_service.quantize.convert import static_int8
from worker_service.settings import EngineSettings

MODELS = Path(__file__).parents[3] / "models"
pytestmark = pytest.mark.timeout(240)  # calibration runs the network as often as there are pictures


def engine(folder: Path) -> Engine:
    return Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))


@pytest.fixture(scope="module")
def close_ups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per class, twelve pictures each."""
    folder = tmp_path_factory.mktemp("close-ups")
    counts = dict.fromkeys(LABELS, 0)
    number = 0
    while min(counts.values()) < 12:
        image, label = classifier_picture(HELD_OUT, number)
        number += 1
        name = LABELS[label]
        if counts[name] < 12:
            counts[name] += 1
            (folder / name).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name / f"{number}.jpg"), image)
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with boxes in COCO's form."""
    folder = tmp_path_factory.mktemp("scenes")
    images, annotations = [], []
    for number in range(16):
        scene = detector_scene(HELD_OUT, number)
        height, width = scene.image.shape[:2]
        cv2.imwrite(str(folder / f"{number}.jpg"), scene.image)
        images.append({"id": number, "file_name": f"{number}.jpg", "width": width, "height": height})
        for box, label in zip(scene.boxes, scene.labels, strict=True):
            x, y, right, bottom = map(float, box)
            place = {"bbox": [x, y, right - x, bottom - y], "area": (right - x) * (bottom - y), "iscrowd": 0}
            annotations.append({"id": len(annotations), "image_id": number, "category_id": int(label), **place})
    categories = [{"id": index, "name": name, "supercategory": "shape"} for index, name in enumerate(LABELS)]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "_annotations.coco.json").write_text(json.dumps(coco))
    return folder


@pytest.mark.parametrize(
    ("model", "folder_of", "least", "drop"),
    [("shapes-classifier", "close_ups", 0.9, 0.04), ("shapes-detector", "scenes", 0.4, 0.03)],
)
def test_int8_is_smaller_and_nearly_as_good(
    model: str, folder_of: str, least: float, drop: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pictures: Path = request.getfixturevalue(folder_of)
    before = engine(MODELS)
    made = make(before, model, "small", pictures, tmp_path, Options(calibration=24))
    folder = tmp_path / "models" / "small"
    folder.mkdir(parents=True)
    for name in made.manifest["files"]:
        shutil.copy(tmp_path / name if (tmp_path / name).exists() else MODELS / model / name, folder / name)
    (folder / "model.json").write_text(json.dumps(made.manifest))

    kinds = {tensor.data_type for tensor in onnx.load(folder / "weights.onnx").graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    task = before.get(model).manifest.task
    told: list[str] = []
    after, data = (engine(tmp_path / "models"), "small"), Labelled(pictures, task)
    found = compare((before, model), after, pictures, data, told.append)
    assert found.scores is not None
    assert found.scores[0] > least  # the labels are read rightly: the trained model does well
    assert found.scores[1] > found.scores[0] - drop
    assert found.bytes[1] < 0.6 * found.bytes[0]
    assert min(found.milliseconds) > 0
    assert told == ["timing both", f"{found.metric} of both on {len(data)} labelled pictures"]


def test_an_expectation_stays_float(tmp_path: Path) -> None:
    """YOLOv8's last step multiplies probabilities by 0..15: in steps of 15/255 it would cost two pixels."""
    weights = onnx.numpy_helper.from_array(np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1), "bins")
    mix = onnx.numpy_helper.from_array(np.ones((16, 16, 1, 1), np.float32), "mix")
    nodes = [
        onnx.helper.make_node("Conv", ["x", "mix"], ["y"], "mixed"),
        onnx.helper.make_node("Conv", ["y", "bins"], ["z"], "expected"),
    ]
    ends = [onnx.helper.make_tensor_value_info(name, 1, [1, c, 4, 4]) for name, c in (("x", 16), ("z", 1))]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], [weights, mix])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "a.onnx",
    )
    feeds = iter([{"x": np.ones((16, 4, 4), np.float32)}])
    static_int8(tmp_path / "a.onnx", tmp_path / "b.onnx", feeds, Options())
    made = onnx.load(tmp_path / "b.onnx").graph
    kept = next(node for node in made.node if node.name == "expected")
    assert kept.input[1] == "bins"
    mixed = next(node for node in made.node if node.name == "mixed")
    assert mixed.input[1] != "mix"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(method="best"), "There is no calibration method 'best'"),
        (Options(exclude=("nobody",)), "no node 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, options: Options, words: str) -> None:
    graph = graphs.detector(tmp_path / "a.onnx", np.zeros((6, 84)))
    with pytest.raises(InvalidRequest, match=words):
        static_int8(graph, tmp_path / "b.onnx", iter(()), options)


def test_labelled_folders_without_labels(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no folder per class"):
        Labelled(tmp_path, "classification")
    with pytest.raises(InvalidRequest, match=r"data\.yaml"):
        Labelled(tmp_path, "object-detection")
    with pytest.raises(InvalidRequest, match="leave --labelled out"):
        Labelled(tmp_path, "depth-estimation")
    (tmp_path / "unheard-of").mkdir()
    cv2.imwrite(str(tmp_path / "unheard-of" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InvalidRequest, match="no class 'unheard-of'"):
        Labelled(tmp_path, "classification").score(engine(MODELS), "shapes-classifier")


@pytest.mark.parametrize(("flags", "reduced"), [("fma avx2", True), ("avx2 avx512_vnni", False), ("asimddp", False)])
def test_weights_get_seven_bits_where_the_processor_cuts_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, reduced: bool
) -> None:
    monkeypatch.setattr(convert, "processor", lambda: flags)
    feeds = ({"images": np.full((3, 8, 8), value, np.float32)} for value in (0.1, 0.9))
    source = convolution(tmp_path / "float.onnx")
    static_int8(source, tmp_path / "auto.onnx", feeds, Options())
    assert largest_weight(tmp_path / "auto.onnx") == (64 if reduced else 127)
    static_int8(
        source,
        tmp_path / "told.onnx",
        iter([{"images": np.ones((3, 8, 8), np.float32)}]),
        Options(reduce_range=not reduced),
    )
    assert largest_weight(tmp_path / "told.onnx") == (127 if reduced else 64)


def convolution(path: Path) -> Path:
    weights = np.random.default_rng(3).normal(size=(4, 3, 3, 3)).astype(np.float32)
    node = onnx.helper.make_node("Conv", ["images", "w"], ["out"], "conv")
    ends = [
        onnx.helper.make_tensor_value_info(name, 1, ["n", c, None, None]) for name, c in (("images", 3), ("out", 4))
    ]
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], [onnx.numpy_helper.from_array(weights, "w")])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def largest_weight(path: Path) -> int:
    tensors = [
        onnx.numpy_helper.to_array(one)
        for one in onnx.load(path).graph.initializer
        if one.data_type == onnx.TensorProto.INT8
    ]
    return max(int(np.abs(tensor.astype(np.int32)).max()) for tensor in tensors if tensor.ndim == 4)
