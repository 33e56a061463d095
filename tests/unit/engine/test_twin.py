"""A graph opened twice: when, and that nobody can tell from the answers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests.unit.engine import graphs
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.twin import Cores, Crowd, Twin
from worker_service.settings import EngineSettings

IMAGE = {"images": np.random.default_rng(0).random((1, 3, graphs.SIZE, graphs.SIZE), np.float32)}


def opened(folder: Path, **settings: int) -> Session:
    path = graphs.classifier(folder / "m" / "weights.onnx", [0.1, 0.2, 0.3])
    return Runtime(EngineSettings(**{"intra_op_threads": 2, **settings})).open(path)


def crowded_run(session: Session) -> np.ndarray:
    """A run beside another; returns when what it had opened in the background is there, or is not going to be."""
    with session._crowd.join(), ThreadPoolExecutor(1) as other:
        (answer,) = other.submit(session.run, IMAGE).result()
    for thread in threading.enumerate():
        if thread.name == "twin":
            thread.join(30)
    return answer


def test_a_lone_run_opens_nothing(tmp_path: Path) -> None:
    session = opened(tmp_path)
    session.run(IMAGE)
    session.run(IMAGE)
    assert session.bytes_again == 0
    assert not any(thread.name == "twin" for thread in threading.enumerate())


def test_runs_that_meet_get_a_second_session_that_answers_the_same(tmp_path: Path) -> None:
    session = opened(tmp_path)
    (alone,) = session.run(IMAGE)
    first = crowded_run(session)
    assert session.bytes_again == (tmp_path / "m" / "weights.onnx").stat().st_size
    assert session._twin is not None
    assert session._twin.get(2) is not None
    assert session._twin.get(2) is not session._session
    second = crowded_run(session)
    assert alone.tobytes() == first.tobytes() == second.tobytes()


def test_no_second_session_for_large_models_and_for_one_thread(tmp_path: Path) -> None:
    for folder, settings in (("large", {"twin_max_mb": 0}), ("narrow", {"intra_op_threads": 1})):
        session = opened(tmp_path / folder, **settings)
        assert crowded_run(session).shape == (1, 3)
        assert session.bytes_again == 0


def test_a_file_that_has_changed_is_not_opened_in_its_name(tmp_path: Path) -> None:
    session = opened(tmp_path)
    graphs.classifier(tmp_path / "m" / "weights.onnx", [0.5, 0.5])
    assert crowded_run(session).shape == (1, 3)
    assert crowded_run(session).shape == (1, 3), "the answer of the model that was loaded"
    assert session.bytes_again == 0


def test_a_file_that_has_gone_is_survived(tmp_path: Path) -> None:
    path = graphs.classifier(tmp_path / "weights.onnx", [0.1])

    def gone(threads: int) -> None:
        raise OSError("no such file")

    twin = Twin(path, gone, Cores(2, 2), 1, 10)
    assert twin.get(2) is None
    for thread in threading.enumerate():
        if thread.name == "twin":
            thread.join(30)
    assert twin.get(2) is None


def test_the_more_runs_the_fewer_threads_each() -> None:
    assert [Cores(8, 8).each(runs) for runs in (1, 2, 3, 4, 5, 8, 9)] == [8, 4, 2, 2, 1, 1, 1]
    assert [Cores(2, 2).each(runs) for runs in (1, 2, 3)] == [2, 1, 1]
    assert [Cores(64, 4).each(runs) for runs in (1, 16, 17, 64)] == [4, 4, 2, 1], "a lone run was told to take four"


def test_what_is_not_open_yet_is_replaced_by_what_has_fewer_threads(tmp_path: Path) -> None:
    path = graphs.classifier(tmp_path / "weights.onnx", [0.1])
    held = threading.Event()

    def made(threads: int) -> int:
        if threads == 2:
            held.wait(30)
        return threads

    def settled(twin: Twin, runs: int) -> int | None:
        twin.get(runs)
        for thread in threading.enumerate():
            if thread.name == "twin" and (runs != 4 or held.is_set()):
                thread.join(30)
        return twin.get(runs)

    twin = Twin(path, made, Cores(8, 8), 10, 30)
    assert twin.get(1) is None, "alone"
    assert settled(twin, 8) == 1
    assert settled(twin, 4) == 1, "two threads each are not open yet"
    held.set()
    assert settled(twin, 4) == 2
    assert settled(twin, 2) == 4
    small = Twin(path, made, Cores(8, 8), 10, 19)
    assert settled(small, 8) == 1
    assert settled(small, 2) == 1, "there is memory for one more session only"


def test_a_crowd_counts_each_thread_inside_once() -> None:
    crowd = Crowd()

    def joined() -> int:
        with crowd.join() as count:
            return count

    with ThreadPoolExecutor(1) as other:
        with crowd.join() as first:
            assert first == 1
            assert other.submit(joined).result() == 2
            assert joined() == 1, "itself"
            assert other.submit(joined).result() == 2, "still inside"
        assert other.submit(joined).result() == 1
