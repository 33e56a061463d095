"""What is remembered of images, and what promptable models do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest, ModelLoadFailed
from tests.unit.engine import examples
from worker_service.engine.engine import Engine
from worker_service.engine.format import Wanted, propose
from worker_service.engine.remembered import Remembered, pack, unpack
from worker_service.fetch.install import install
from worker_service.settings import EngineSettings

PICTURE = np.random.default_rng(3).integers(0, 256, (60, 90, 3), np.uint8)
POINT = {"prompts": [{"points": [{"x": 40, "y": 30}]}]}


class Drawer:
    """A shelf."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.held.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.held[key] = data


def engine_of(folder: Path, family: str = "sam", **settings: Any) -> Engine:
    if not (folder / "m").exists():
        examples.model(folder / "m", family, "promptable-segmentation")
    return Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1, warm_up=False, **settings))


def answer(engine: Engine, image: Any = PICTURE, **params: Any) -> Any:
    (found,) = engine.infer("m", [image], {**POINT, **params})
    return found


def test_the_least_recently_used_leaves() -> None:
    kept = Remembered(250, None, "m")
    for key in ("a", "b"):
        kept.put(key, {"x": np.zeros(100, np.uint8)})
    assert kept.get("a") is not None
    kept.put("c", {"x": np.zeros(100, np.uint8)})
    assert (kept.get("b"), kept.bytes) == (None, 200)
    assert kept.get("a") is not None
    kept.put("large", {"x": np.zeros(300, np.uint8)})
    assert (kept.get("large"), kept.bytes) == (None, 0)


def test_owners_do_not_share_and_nothing_is_unpickled() -> None:
    shelf = Drawer()
    one, same, other = Remembered(99, shelf, "m"), Remembered(99, shelf, "m"), Remembered(99, shelf, "n")
    one.put("a", {"file": np.arange(3)})
    found = same.get("a")
    assert found is not None
    assert found["file"].tolist() == [0, 1, 2]
    assert other.get("a") is None
    assert unpack(b"no file") is None
    assert unpack(pack({"x": np.array([{"an": "object"}], dtype=object)})) is None


def test_an_image_is_embedded_once(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    before = engine.get("m").bytes
    first = answer(engine)
    assert engine.get("m").bytes > before
    prepared: Any = engine.get("m").preprocess(PICTURE, engine.get("m").params(POINT))
    assert (prepared.tensors, sorted(prepared.known)) == ({}, ["image_embeddings", "size"])
    np.testing.assert_array_equal(answer(engine).masks, first.masks)


def test_workers_share_what_they_embed(tmp_path: Path) -> None:
    shelf, engines = Drawer(), [engine_of(tmp_path), engine_of(tmp_path)]
    for engine in engines:
        engine.runtime.shelf = shelf
    first = answer(engines[0], image_key="k")
    prepared: Any = (
        engines[1].get("m").preprocess_embedding(b"", engines[1].get("m").params({**POINT, "image_key": "k"}))
    )
    assert prepared.image == (90, 60)
    np.testing.assert_array_equal(answer(engines[1], image_key="k").masks, first.masks)
    assert len(shelf.held) == 1


def test_another_image_under_the_same_name_is_embedded(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    answer(engine, image_key="k")
    assert answer(engine, PICTURE[:40], image_key="k").image == (90, 40)


def test_an_embedding_of_the_callers(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    model: Any = engine.get("m")
    data = answer(engine, embed_only=True, embedding_format="npy").to_dict()["embeddings"]
    assert np.shape(answer(engine, embed_only=True, embedding_format="json").to_dict()["embeddings"]) == (32, 8, 8)
    params = model.params({**POINT, "image_size": (90, 60)})
    prepared = model.preprocess_embedding(data, params)
    (raw,) = model.infer([prepared])
    np.testing.assert_allclose(raw[0], answer(engine).logits, atol=1e-6)
    for wrong, size in ((b"", (90, 60)), (b"x", (90, 60)), (data, None), (data[:-9000], (90, 60))):
        with pytest.raises(InvalidRequest):
            model.preprocess_embedding(wrong, model.params({**POINT, "image_size": size}))


def test_answers_in_every_format(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, "sam2")
    box = {"prompts": [{"box": (10, 10, 80, 50)}, {"points": [{"x": 5, "y": 5, "label": 0}]}]}
    outlines = answer(engine, **box).to_dict()["predictions"]
    assert [row["format"] for row in outlines] == ["polygon", "polygon"]
    assert all(0 <= x < 90 and 0 <= y < 60 for row in outlines for ring in row["masks"] for x, y in ring)
    coded = answer(engine, mask_format="rle", **box).to_dict()["predictions"]
    assert [row["masks"]["size"] for row in coded] == [[60, 90]] * 2
    packed = unpack(answer(engine, mask_format="binary", **box).to_dict()["binary"])
    assert packed is not None
    assert (packed["masks"].shape, packed["low_res_masks"].shape) == ((2, 60, 90), (2, 32, 32))
    picture = answer(engine, visualize=True, **box).to_dict()["visualization"]
    assert picture[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    "params",
    [
        {"prompts": [{"points": [{"x": float("nan"), "y": 1}]}]},
        {"prompts": [{"box": (1, 2, 3)}]},
        {"prompts": [{}] * 1001},
        {"mask_input": b"1234"},
        {"mask_format": "svg"},
    ],
    ids=str,
)
def test_bad_prompts_are_an_invalid_request(tmp_path: Path, params: dict[str, Any]) -> None:
    engine = engine_of(tmp_path)
    try:
        found = answer(engine, **params)
    except InvalidRequest:
        return
    assert isinstance(found, InvalidRequest)


def test_graphs_that_do_not_belong_together(tmp_path: Path) -> None:
    folder = examples.model(tmp_path / "m", "sam", "promptable-segmentation")
    other = examples.model(tmp_path / "other", "sam2", "promptable-segmentation")
    (folder / "decoder.onnx").write_bytes((other / "prompt_encoder_mask_decoder.onnx").read_bytes())
    (folder / "model.json").unlink()
    proposal = propose(folder, Wanted("m"))
    with pytest.raises(ModelLoadFailed, match="which the encoder does not answer"):
        install(tmp_path / "aside", tmp_path / "models", proposal)
    (folder / "decoder.onnx").write_bytes((folder / "encoder.onnx").read_bytes())
    with pytest.raises(ModelLoadFailed, match="No family reads these graphs together"):
        propose(folder, Wanted("m"))
