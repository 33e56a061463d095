"""Which of several providers runs a graph: measured, remembered, and never one that answers otherwise."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from tests.unit.engine import graphs
from worker_service.engine.runtime import choice
from worker_service.engine.runtime.choice import FILE, Choice, Providers
from worker_service.engine.runtime.profile import load_profile
from worker_service.engine.runtime.session import CPU, Runtime
from worker_service.settings import EngineSettings

OPENVINO = "OpenVINOExecutionProvider"
BOTH: Providers = [("Other", {"level": "1"}), (CPU, {})]
HAS_OPENVINO = OPENVINO in ort.get_available_providers()


class Session:
    """Runs the graph on the CPU under another provider's name, and changes its answers, slows it or fails."""

    def __init__(self, session: ort.InferenceSession, name: str, slow_s: float, add: float) -> None:
        self._session, self._name, self._slow_s, self._add = session, name, slow_s, add
        self.get_inputs = session.get_inputs

    def get_providers(self) -> list[str]:
        return [self._name]

    def run(self, names: Any, feeds: Any) -> list[Any]:
        time.sleep(self._slow_s)
        return [output + np.float32(self._add) for output in self._session.run(names, feeds)]


class Maker:
    """Opens graphs; ``slow`` is by provider in seconds. Counts what it has opened."""

    def __init__(self, slow: dict[str, float], add: float = 0.0, *, broken: bool = False) -> None:
        self.opened: Counter[str] = Counter()
        self._slow, self._add, self._broken = slow, add, broken

    def __call__(self, path: Path, providers: Providers) -> Any:
        name = providers[0][0]
        self.opened[name] += 1
        if self._broken and name != CPU:
            raise RuntimeError("no such operator")
        session = ort.InferenceSession(str(path), providers=[CPU])
        return Session(session, name, self._slow.get(name, 0.0), self._add if name != CPU else 0.0)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graphs.classifier(tmp_path / "m" / "weights.onnx", [0.1, 0.2, 0.3])


@pytest.mark.parametrize(("slow", "first"), [({CPU: 0.05}, "Other"), ({"Other": 0.05}, CPU)])
def test_the_faster_one_runs_and_is_remembered(tmp_path: Path, graph: Path, slow: dict[str, float], first: str) -> None:
    made = Maker(slow)
    assert Choice(tmp_path, made).among(graph, BOTH)[0][0] == first
    assert set(made.opened) == {"Other", CPU}
    again = Maker({})
    assert Choice(tmp_path, again).among(graph, BOTH)[0][0] == first
    assert not again.opened


def test_what_it_depends_on_is_measured_anew(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Choice(tmp_path, Maker({CPU: 0.05})).among(graph, BOTH)
    other_options: Providers = [("Other", {"level": "2"}), (CPU, {})]
    other_graph = graphs.classifier(tmp_path / "n" / "weights.onnx", [0.3, 0.2, 0.1])
    for path, providers in ((graph, other_options), (other_graph, BOTH)):
        made = Maker({"Other": 0.05})
        assert Choice(tmp_path, made).among(path, providers) == [(CPU, {})]
        assert made.opened
    monkeypatch.setattr(choice, "processor", lambda: "another machine")
    made = Maker({"Other": 0.05})
    assert Choice(tmp_path, made).among(graph, BOTH) == [(CPU, {})]
    assert made.opened
    assert len(json.loads((tmp_path / FILE).read_text())) == 4


def test_other_answers_and_failures_are_never_chosen(tmp_path: Path, graph: Path) -> None:
    for made in (Maker({CPU: 0.05}, add=0.5), Maker({}, broken=True)):
        assert Choice(tmp_path / str(id(made)), made).among(graph, BOTH) == [(CPU, {})]
        assert made.opened["Other"] == 1


def test_one_provider_is_neither_measured_nor_written_down(tmp_path: Path, graph: Path) -> None:
    made = Maker({})
    assert Choice(tmp_path / "cache", made).among(graph, [(CPU, {})]) == [(CPU, {})]
    assert not made.opened
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("text", ["", "{", "[1, 2]"])
def test_a_damaged_file_is_written_anew(tmp_path: Path, graph: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert Choice(tmp_path, Maker({CPU: 0.05})).among(graph, BOTH) == BOTH
    assert list(json.loads((tmp_path / FILE).read_text()).values()) == ["Other"]


def test_a_folder_that_cannot_be_written_costs_the_memory_only(tmp_path: Path, graph: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Choice(tmp_path / "file", Maker({CPU: 0.05})).among(graph, BOTH) == BOTH


def test_the_setting_overrides_the_profile(tmp_path: Path) -> None:
    assert load_profile(EngineSettings(profile="openvino").profile_path).choice == "measured"
    for profile, setting, measured in (("cpu", "", False), ("cpu", "measured", True), ("openvino", "first", False)):
        made = Runtime(EngineSettings(profile=profile, provider_choice=setting, engine_cache=tmp_path))
        assert (made._choice is not None) is measured


@pytest.mark.skipif(not HAS_OPENVINO, reason="onnxruntime-openvino excludes onnxruntime: docs/deploy/openvino.md")
def test_openvino_answers_as_the_default_provider_does(tmp_path: Path, graph: Path) -> None:
    feeds = {"images": np.random.default_rng(0).random((1, 3, graphs.SIZE, graphs.SIZE), np.float32)}
    own = EngineSettings(profile="openvino", provider_choice="first", engine_cache=tmp_path, intra_op_threads=2)
    session = Runtime(own).open(graph)
    assert session.providers[0] == OPENVINO
    plain = Runtime(EngineSettings(engine_cache=tmp_path)).open(graph)
    np.testing.assert_allclose(session.run(feeds)[0], plain.run(feeds)[0], rtol=1e-3, atol=1e-5)
    chosen = Runtime(EngineSettings(profile="openvino", engine_cache=tmp_path)).open(graph)
    assert chosen.providers[0] in {OPENVINO, CPU}
    assert (tmp_path / FILE).is_file()
