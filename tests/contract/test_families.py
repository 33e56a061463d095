"""What every model family must hold, whichever they are: parametrised over the registry."""

from __future__ import annotations

import gc
import inspect
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from shared.errors import InferenceFailed, InvalidRequest, VisionfleetError
from tests.unit.engine import examples
from worker_service.engine.engine import Engine
from worker_service.engine.family import Family, OfGraphs, registry
from worker_service.engine.format import Wanted, propose
from worker_service.engine.runtime.session import Session, read_signature
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.fetch.install import install
from worker_service.settings import EngineSettings

OF_GRAPHS = [family for family in registry() if isinstance(family, OfGraphs) and examples.EXAMPLES[family.name]().net]
NO_PREDICTIONS = ("depth-estimation", "embedding")
NO_PICTURE = ("clip", "trocr", "florence-2", "smolvlm", "paligemma", "moondream2")
each_family = pytest.mark.parametrize("family", list(registry()), ids=lambda family: family.name)
# Of several graphs none tells whose it is, and model.json names the family; they are kept whole, in one size.
each_of_one_graph = pytest.mark.parametrize(
    "family", [f for f in registry() if not examples.EXAMPLES[f.name]().net], ids=lambda family: family.name
)


@pytest.fixture
def engine(tmp_path: Path, family: Family) -> Engine:
    examples.model(tmp_path / "m", family.name, family.task)
    return Engine(EngineSettings(model_dirs=(tmp_path,), intra_op_threads=1))


def test_every_family_is_available() -> None:
    assert registry().unavailable == {}
    assert set(registry().names()) == set(examples.EXAMPLES)


@each_family
def test_lives_in_a_file_with_a_docstring(family: Family) -> None:
    module = inspect.getmodule(type(family))
    assert module is not None
    assert len(module.__doc__ or "") > 80


@each_of_one_graph
def test_recognises_its_own_graph_and_no_other_does(family: Family, tmp_path: Path) -> None:
    signature = read_signature(examples.graph(tmp_path / "weights.onnx", family.name))
    scores = {other.name: other.matches(signature) for other in registry()}
    own = scores.pop(family.name)
    assert own is not None
    assert 0 < own <= 1
    assert all(score is None or score < own for score in scores.values())


@pytest.mark.parametrize("family", OF_GRAPHS, ids=lambda family: family.name)
def test_a_folder_of_its_graphs_is_added_and_runs(family: Family, tmp_path: Path) -> None:
    folder = examples.model(tmp_path / "graphs", family.name, family.task)
    (folder / "model.json").unlink()
    proposal = propose(folder, Wanted("m"))
    assert (proposal.manifest.family, proposal.manifest.task) == (family.name, family.task)
    install(tmp_path / "aside", tmp_path / "models", proposal)
    engine = Engine(EngineSettings(model_dirs=(tmp_path / "models",), intra_op_threads=1))
    (result,) = engine.infer("m", [np.zeros((50, 60, 3), np.uint8)])
    assert not isinstance(result, VisionfleetError)
    assert engine.get("m").bytes > sum(file.stat().st_size for file in folder.glob("*.onnx"))


@each_family
def test_warming_up_runs_every_graph(family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: Counter[Session] = Counter()
    plain, bound = Session.run, Session.run_bound
    monkeypatch.setattr(Session, "run", lambda session, *args: ran.update([session]) or plain(session, *args))
    monkeypatch.setattr(Session, "run_bound", lambda session, *args: ran.update([session]) or bound(session, *args))
    folder = examples.model(tmp_path / "m", family.name, family.task)
    engine = Engine(EngineSettings(model_dirs=(tmp_path,), intra_op_threads=1, warm_up=True))
    engine.get("m")
    (held,) = engine.held()
    assert len(ran) == len(list(folder.glob("*.onnx")))
    assert held.bytes >= sum(file.stat().st_size for file in folder.glob("*.onnx"))


@each_family
def test_a_model_that_is_let_go_is_gone_at_once(engine: Engine, family: Family) -> None:
    """No cycle keeps its memory until the garbage collector comes by."""
    engine.infer("m", [np.zeros((50, 60, 3), np.uint8)])
    left = [weakref.ref(one) for one in (engine.get("m"), *engine._cache._held["m"].sessions)]
    assert len(left) > 1
    gc.collect()
    gc.disable()
    try:
        assert engine.unload("m")
        assert [ref() for ref in left if ref() is not None] == []
    finally:
        gc.enable()


@each_family
def test_refuses_graphs_that_are_nothing_like_it(family: Family) -> None:
    text = TensorSpec("input_ids", ("batch", "length"), "int64")
    assert family.matches(GraphSignature((text,), (text,))) is None
    assert family.matches(GraphSignature((), ())) is None


@each_family
def test_a_batch_answers_as_its_items_do(engine: Engine, family: Family) -> None:
    random = np.random.default_rng(7)
    images = [random.integers(0, 256, (h, w, 3), np.uint8) for h, w in [(1, 1), (64, 64), (33, 130), (300, 7)]]
    together = [plain(result.to_dict()) for result in engine.infer("m", images)]
    alone = [plain(engine.infer("m", [image])[0].to_dict()) for image in images]
    assert together == alone
    assert [output["task"] for output in together] == [family.task] * 4
    assert [output["image"] for output in together] == [{"width": i.shape[1], "height": i.shape[0]} for i in images]


@each_family
def test_answers_are_plain_values(engine: Engine, family: Family) -> None:
    (result,) = engine.infer("m", [np.zeros((50, 60, 3), np.uint8)], {"visualize": True})
    output = result.to_dict()
    assert msgpack.unpackb(msgpack.packb(output)) == output
    assert family.name in NO_PICTURE or output["visualization"][:2] == b"\xff\xd8"


@each_family
def test_pixels_are_kept_only_for_a_picture(engine: Engine, family: Family) -> None:
    model, image = engine.get("m"), np.zeros((50, 60, 3), np.uint8)
    assert model.preprocess(image, model.params({})).pixels is None
    kept = model.preprocess(image, model.params({"visualize": True})).pixels
    assert kept is (None if family.name in NO_PICTURE else image)


@each_family
def test_bad_parameters_are_an_invalid_request(engine: Engine, family: Family) -> None:
    model = engine.get("m")
    known = type(model.params({})).model_fields
    for values in ({"confidence": 7}, {"confidence": []}, {"visualize": "perhaps"}, {"depth_map_format": "tiff"}):
        if known.keys() & values.keys():
            with pytest.raises(InvalidRequest):
                model.params(values)


@each_family
def test_outputs_of_the_wrong_size_fail_alone(engine: Engine, family: Family) -> None:
    model = engine.get("m")
    params = model.params({})
    prepared = model.preprocess(np.zeros((50, 60, 3), np.uint8), params)
    (raw,) = model.infer([prepared])
    refused = 0
    for cut in (np.s_[:-1], np.s_[..., :-1]):  # of one of these axes, a layout may have any number
        try:
            model.postprocess(tuple(array[cut] for array in raw), prepared, params).to_dict()
        except InferenceFailed:
            refused += 1
    assert refused


@each_of_one_graph
@pytest.mark.parametrize("options", [{"batch": 1}, {"batch": 4}, {"open_axes": True}, {"size": "any"}], ids=str)
def test_fixed_and_open_sizes_answer_alike(engine: Engine, family: Family, tmp_path: Path, options: Any) -> None:
    examples.model(tmp_path / "other", family.name, family.task, options=options)
    images = [np.full((40, 90, 3), i, np.uint8) for i in range(5)]
    answers = [[plain(r.to_dict()) for r in engine.infer(model, images)] for model in ("m", "other")]
    assert answers[0] == answers[1]
    assert answers[0][0].get("predictions") or family.task in NO_PREDICTIONS


def plain(output: dict[str, Any]) -> dict[str, Any]:
    """Without what is fresh each time."""
    predictions = output.get("predictions")
    if isinstance(predictions, list):
        return {**output, "predictions": [without_ids(prediction) for prediction in predictions]}
    return output


def without_ids(found: dict[str, Any]) -> dict[str, Any]:
    """A prediction without the ids that are fresh each time, its own and that of what is in it."""
    kept = {name: value for name, value in found.items() if name != "detection_id"}
    return {name: without_ids(value) if isinstance(value, dict) else value for name, value in kept.items()}
