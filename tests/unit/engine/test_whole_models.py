"""A model of several graphs is one model: loaded, counted, evicted and freed as a whole; parts are shared."""

from __future__ import annotations

import gc
import json
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from shared.errors import ModelLoadFailed
from tests.parity.foundation import FOLDER
from tests.unit.engine import graphs
from worker_service.engine.artifacts import file_sha256
from worker_service.engine.engine import Engine
from worker_service.engine.runtime.parts import content_of
from worker_service.settings import EngineSettings

PICTURE = np.random.default_rng(3).integers(0, 256, (60, 90, 3), np.uint8)
SEVERAL = sorted(net.name for net in FOLDER.iterdir() if len(list(net.glob("*.onnx"))) > 1)
VARIANTS = {"sam-meta": "encoder.onnx", "sam2-hf": "vision_encoder.onnx", "clip": "visual.onnx"}
"""Nets, and the graph that their variants have in common."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each graph was opened to run it."""
    made: Counter[str] = Counter()
    plain = ort.InferenceSession

    def noted(path: str, *args: Any, **kwargs: Any) -> Any:
        made[Path(path).name] += 1
        return plain(path, *args, **kwargs)

    monkeypatch.setattr(ort, "InferenceSession", noted)
    return made


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is freed in here is freed because nobody holds it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def engine_of(folder: Path, **settings: Any) -> Engine:
    return Engine(EngineSettings(model_dirs=(folder,), **{"intra_op_threads": 1, "model_scan_seconds": 0, **settings}))


def net(folder: Path, name: str, net_name: str, **fields: Any) -> Path:
    """A copy of a kept net as model ``name``."""
    made = shutil.copytree(FOLDER / net_name, folder / name, ignore=shutil.ignore_patterns("answers.*", "reference.*"))
    stated = json.loads((made / "model.json").read_bytes())
    files = {file: file_sha256(made / file) for file in stated["files"] if (made / file).is_file()}
    (made / "model.json").write_text(json.dumps({**stated, "id": name, "files": files, **fields}))
    return made


def variant(folder: Path, name: str, net_name: str) -> Path:
    """As ``net``, but every graph that variants have not in common is another file, of the same answers."""
    made = net(folder, name, net_name)
    for graph in made.glob("*.onnx"):
        if graph.name != VARIANTS[net_name]:
            graph.write_bytes(graph.read_bytes() + b"\x32\x01v")  # doc_string of the model
    stated = json.loads((made / "model.json").read_bytes())
    stated["files"] = {file: file_sha256(made / file) for file in stated["files"]}
    (made / "model.json").write_text(json.dumps(stated))
    return made


def sessions_of(engine: Engine, name: str) -> list[weakref.ref[Any]]:
    return [weakref.ref(session) for session in engine._cache._held[name].sessions]


def alive(references: list[weakref.ref[Any]]) -> int:
    return sum(reference() is not None for reference in references)


def answer(engine: Engine, name: str, **params: Any) -> Any:
    (found,) = engine.infer(name, [PICTURE], params)
    assert not isinstance(found, Exception), found
    return found


@pytest.mark.parametrize("net_name", SEVERAL)
def test_it_is_loaded_counted_and_freed_as_one(net_name: str, tmp_path: Path, no_collector: None) -> None:
    folder = net(tmp_path, "m", net_name)
    files = sum(graph.stat().st_size for graph in folder.glob("*.onnx"))
    engine = engine_of(tmp_path, max_active_models=1)
    graphs.classifier(tmp_path / "other" / "weights.onnx", [0, 1, 2])
    graphs.package(tmp_path / "other", task="classification", family="classification")
    answer(engine, "m")
    (held,) = engine.held()
    assert held.id == "m", "however many graphs, it takes one of the places"
    assert held.bytes >= files
    assert engine.cache_counts()["m"]["loads"] == 1
    left = sessions_of(engine, "m")
    assert len(left) == len(list(folder.glob("*.onnx")))
    answer(engine, "other")
    assert [held.id for held in engine.held()] == ["other"]
    assert engine.cache_counts()["m"]["evictions"] == 1
    assert alive(left) == 0, "no graph of it outlives it"


@pytest.mark.parametrize("short_of", [0, 1])
def test_a_limit_on_bytes_weighs_the_whole(tmp_path: Path, short_of: int, no_collector: None) -> None:
    """A byte less than what both take together, and all graphs of the first go, though one of them would do."""
    folders = [net(tmp_path, name, net_name) for name, net_name in (("first", "sam-meta"), ("second", "clip"))]
    free = engine_of(tmp_path)
    for name in ("first", "second"):
        answer(free, name)
    engine = engine_of(tmp_path, max_model_bytes=free._cache.bytes - short_of)
    answer(engine, "first")
    left = sessions_of(engine, "first")
    answer(engine, "second")
    assert [held.id for held in engine.held()] == (["second"] if short_of else ["first", "second"])
    assert alive(left) == (0 if short_of else 2)
    assert all(len(list(folder.glob("*.onnx"))) == 2 for folder in folders)


@pytest.mark.parametrize("net_name", VARIANTS)
def test_variants_open_what_they_share_once(
    net_name: str, tmp_path: Path, opened: Counter[str], no_collector: None
) -> None:
    shared = VARIANTS[net_name]
    folders = [variant(tmp_path, "small", net_name), net(tmp_path, "large", net_name)]
    engine = engine_of(tmp_path)
    first, second = (answer(engine, name).to_dict() for name in ("small", "large"))
    assert {**first, "time": 0} == {**second, "time": 0}
    own = {graph.name for graph in folders[0].glob("*.onnx")} - {shared}
    assert opened == {shared: 1, **dict.fromkeys(own, 2)}
    size = (folders[0] / shared).stat().st_size
    assert engine._cache.bytes == sum(held.bytes for held in engine.held()) - size, "it is counted once"
    (common,) = [
        weakref.ref(session)
        for session in engine._cache._held["small"].sessions
        if session in engine._cache._held["large"].sessions
    ]
    engine.unload("small")
    assert alive([common]) == 1
    assert answer(engine, "large").to_dict() == second
    assert engine._cache.bytes == engine.held()[0].bytes
    engine.unload("large")
    assert alive([common]) == 0, "freed with its last user"
    assert answer(engine, "small").to_dict() == first
    assert opened[shared] == 2


def test_threads_that_load_variants_at_the_same_time_open_the_shared_part_once(
    tmp_path: Path, opened: Counter[str]
) -> None:
    names = [f"v{i}" for i in range(4)]
    for name in names:
        net(tmp_path, name, "sam-meta")
    engine, begin = engine_of(tmp_path), threading.Barrier(8)

    def load(number: int) -> Any:
        begin.wait(30)
        return engine.get(names[number % 4])

    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(load, range(8)))
    assert len(set(map(id, models))) == 4
    assert opened == {"encoder.onnx": 1, "decoder.onnx": 1}


def test_the_same_graph_over_other_weights_is_another_part(tmp_path: Path) -> None:
    """Weights in files of their own belong to what a graph holds."""
    for name, weight in (("a", 1.0), ("b", 2.0)):
        graphs.classifier(tmp_path / name / "weights.onnx", [weight, 0.0, 0.0])
        onnx = pytest.importorskip("onnx")
        model = onnx.load(tmp_path / name / "weights.onnx")
        for tensor in model.graph.initializer:
            onnx.external_data_helper.set_external_data(tensor, "weights.bin")
        onnx.save_model(
            model,
            tmp_path / name / "weights.onnx",
            save_as_external_data=True,
            location="weights.bin",
            size_threshold=0,
            convert_attribute=True,
        )
    paths = [tmp_path / name / "weights.onnx" for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert content_of(paths[0]) != content_of(paths[1])
    runtime = engine_of(tmp_path).runtime
    assert runtime.open(paths[0]) is not runtime.open(paths[1])
    assert runtime.open(paths[0]).bytes > sum(path.stat().st_size for path in paths[:1])


def test_a_second_session_of_any_graph_is_counted(tmp_path: Path) -> None:
    folder = net(tmp_path, "m", "sam-meta")
    engine = engine_of(tmp_path, intra_op_threads=2)
    answer(engine, "m", remember=False)
    before = engine.held()[0].bytes
    with engine.turn(), ThreadPoolExecutor(1) as other:
        other.submit(answer, engine, "m", remember=False).result()
    for thread in threading.enumerate():
        if thread.name == "twin":
            thread.join(30)
    files = sum(graph.stat().st_size for graph in folder.glob("*.onnx"))
    assert engine.held()[0].bytes == before + files


def world(folder: Path, name: str, text_model: str, **fields: Any) -> None:
    """YOLO-World as it is exported, without a text side."""
    made = net(folder, name, "yolo-world", text_model=text_model, **fields)
    stated = json.loads((made / "model.json").read_bytes())
    kept = {"model.onnx": stated["files"]["model.onnx"]}
    (made / "textual.onnx").unlink()
    (made / "model.json").write_text(json.dumps({**stated, "files": kept}))


@pytest.fixture
def worlds(tmp_path: Path) -> Path:
    net(tmp_path, "clip", "clip", aliases=["clip/usual"])
    for name in ("small", "large"):
        world(tmp_path, name, "clip/usual")
    for name in ("one", "two"):
        graphs.classifier(tmp_path / name / "weights.onnx", [0, 1, 2])
        graphs.package(tmp_path / name, task="classification", family="classification")
    return tmp_path


def test_a_text_model_stays_as_long_as_a_model_needs_it(worlds: Path, no_collector: None) -> None:
    engine = engine_of(worlds, max_active_models=3, pinned_models=("large",))
    engine.preload()
    answer(engine, "small", texts=["a circle"])
    answer(engine, "large", texts=["a circle"])
    assert engine.cache_counts()["clip"]["loads"] == 1
    texts = sessions_of(engine, "clip")
    for name in ("one", "two", "one", "two"):
        answer(engine, name)
        assert {held.id for held in engine.held()} == {"large", "clip", name}, "used longest ago, and needed"
    assert alive(texts) == len(texts)
    engine.unload("large")
    for name in ("one", "two"):
        answer(engine, name)
    answer(engine, "small")
    assert engine.cache_counts()["clip"]["loads"] == 1, "in time, it is needed again"
    engine.unload("small")
    for name in ("fourth", "fifth", "sixth"):
        net(worlds, name, "sam-meta")
        answer(engine, name)
    assert [held.id for held in engine.held()] == ["fourth", "fifth", "sixth"]
    assert alive(texts) == 0, "nobody needs it"


def test_the_newest_and_what_it_needs_stay_over_the_limit(worlds: Path) -> None:
    engine = engine_of(worlds, max_active_models=1)
    answer(engine, "small", texts=["a circle"])
    assert {held.id for held in engine.held()} == {"clip", "small"}
    answer(engine, "one")
    assert [held.id for held in engine.held()] == ["one"]


def test_a_text_model_that_is_replaced_makes_the_vectors_anew(worlds: Path) -> None:
    engine = engine_of(worlds)
    before = answer(engine, "small", texts=["a red circle"], confidence=0.0).scores
    shutil.rmtree(worlds / "clip")
    net(worlds, "clip", "clip-joint", aliases=["clip/usual"])
    after = answer(engine, "small", texts=["a red circle"], confidence=0.0).scores
    assert engine.cache_counts()["clip"]["loads"] == 2
    assert before.tolist() != after.tolist()


def test_a_text_model_that_embeds_nothing_is_refused(worlds: Path) -> None:
    """Among them the model itself, which would wait for its own end."""
    world(worlds, "itself", "itself")
    world(worlds, "worse", "one")
    for name in ("itself", "worse"):
        with pytest.raises(ModelLoadFailed, match=r"'text_model' in model\.json"):
            engine_of(worlds).infer(name, [PICTURE], {"texts": ["a"]})
