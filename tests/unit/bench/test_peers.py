"""bench.peers: what the peers run gives the answers of our engine, so that all sides do the same work."""

from __future__ import annotations

import argparse
import base64
from pathlib import Path

import numpy as np
import pytest

from bench import pictures
from bench.networks.repository import write_all
from bench.peers.__main__ import peer, sides
from bench.peers.network import Network
from bench.peers.plot import draw
from models.training.scenes import scene
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

pytestmark = pytest.mark.timeout(240)  # the networks are made for it


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_all(folder)
    return folder


def drawn(count: int) -> list[bytes]:
    """Scenes without grain, in which the detector with random weights finds boxes."""
    return [pictures.jpeg(scene(np.random.default_rng([5, i]), 960, 640, strength=0.5).image) for i in range(count)]


def test_peers_find_the_same_boxes(models: Path) -> None:
    network, engine = Network(models / "bench-detector", 1), Engine(EngineSettings(model_dirs=(models,)))
    found = 0
    for jpeg in drawn(4):
        theirs = network.answer(network.picture(base64.b64encode(jpeg).decode()))["predictions"]
        (answer,) = engine.infer("bench-detector", [jpeg])
        assert not isinstance(answer, Exception)
        ours = answer.to_dict()["predictions"]
        assert abs(len(theirs) - len(ours)) <= 1  # another resize moves a score across the threshold
        found += len(ours)
    assert found


def test_peers_find_the_same_class(models: Path) -> None:
    network, engine = Network(models / "bench-classifier", 1), Engine(EngineSettings(model_dirs=(models,)))
    (jpeg,) = pictures.jpegs(1, 640, 480)
    theirs = network.answer(network.picture(base64.b64encode(jpeg).decode()))["predictions"][0]
    (answer,) = engine.infer("bench-classifier", [jpeg])
    assert not isinstance(answer, Exception)
    ours = answer.to_dict()["predictions"][0]
    assert ours["class"] == theirs["class"]
    assert ours["confidence"] == pytest.approx(theirs["confidence"], abs=0.02)


def test_the_plot_shows_every_side(tmp_path: Path) -> None:
    figures = {"network": "detector", "pictures": "1080p", "img/s": 5.0, "p99 ms": 90.0}
    rows = [{**figures, "side": side, "concurrency": n} for side in ("ours", "mosec 1x2") for n in (1, 16)]
    draw(rows, tmp_path / "plot.svg")
    shown = (tmp_path / "plot.svg").read_text()
    assert "<!-- ours -->" in shown
    assert "<!-- mosec 1x2 -->" in shown


def test_a_peer_has_its_own_layout_or_each() -> None:
    named = sides([peer("litserve:2x1"), peer("mosec")], ["1x2", "2x1"], ["2/1/1"])
    assert named == ["ours", "ours 2/1/1", "litserve 2x1", "mosec 1x2", "mosec 2x1"]
    for unknown in ("triton", "mosec:3x3"):
        with pytest.raises(argparse.ArgumentTypeError):
            peer(unknown)
