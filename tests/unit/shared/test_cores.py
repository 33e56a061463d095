"""How the cores of a machine are divided among worker processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared import cores
from shared.cores import Place


@pytest.mark.parametrize(("cpus", "processes"), [(1, 1), (2, 1), (8, 1), (9, 2), (16, 2), (64, 8), (96, 12)])
def test_every_eight_cores_ask_for_a_process(cpus: int, processes: int) -> None:
    assert cores.processes_for(cpus) == processes


@pytest.mark.parametrize("text", ["0-3,8", "5", "", "0-1,4-5,9"])
def test_lists_of_processors_are_read_as_linux_writes_them(text: str) -> None:
    assert cores.cpus_in(cores.as_list(cores.cpus_in(text + "\n"))) == cores.cpus_in(text)
    assert len(cores.cpus_in("0-3,8")) == 5


def machine(root: Path, monkeypatch: pytest.MonkeyPatch, *nodes: str, quota: float | None = None) -> None:
    """Nodes with these processors, all of which we may use."""
    for number, text in enumerate(nodes):
        (root / f"node{number}").mkdir()
        (root / f"node{number}" / "cpulist").write_text(f"{text}\n")
    (root / "possible").write_text("0\n")
    every = frozenset[int]().union(*map(cores.cpus_in, nodes))
    monkeypatch.setattr(cores, "allowed_cpus", lambda: every)
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)


def test_processes_keep_to_one_numa_node_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(tmp_path, monkeypatch, "0-15", "16-31")
    first, second = frozenset(range(16)), frozenset(range(16, 32))
    assert cores.places(4, tmp_path) == [Place(first, 2), Place(second, 2)] * 2
    assert cores.places(1, tmp_path) == [Place(frozenset(), 1)], "one process has all of them"


def test_a_quota_or_a_single_node_binds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(tmp_path, monkeypatch, "0-15", "16-31", "", quota=8.0)
    assert cores.places(2, tmp_path) == [Place(frozenset(), 2)] * 2
    (tmp_path / "one").mkdir()
    machine(tmp_path / "one", monkeypatch, "0-15")
    assert cores.places(2, tmp_path / "one") == [Place(frozenset(), 2)] * 2
    assert cores.places(2, tmp_path / "missing") == [Place(frozenset(), 2)] * 2


def test_a_process_keeps_to_the_processors_that_it_is_told() -> None:
    before = os.sched_getaffinity(0)
    one = max(before)
    try:
        cores.keep_to("")
        assert os.sched_getaffinity(0) == before
        cores.keep_to(str(one))
        assert os.sched_getaffinity(0) == {one}
        assert cores.available_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)
