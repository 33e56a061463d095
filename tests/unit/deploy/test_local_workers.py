"""How many workers script/server starts, and where."""

from __future__ import annotations

import pytest

from deploy.local import settings
from deploy.local.settings import LocalSettings, at_place
from shared.cores import Place


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKERS", "PROFILE", "CPUS", "WORKERS_PER_HOST"):
        monkeypatch.delenv(f"VISIONFLEET_{name}", raising=False)


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 1), (8, 1), (16, 2), (64, 8), (1024, 64)])
def test_there_is_a_worker_for_every_eight_cores(monkeypatch: pytest.MonkeyPatch, cores: int, workers: int) -> None:
    monkeypatch.setattr(settings, "available_cpus", lambda: cores)
    assert LocalSettings().worker_processes == workers


def test_what_the_user_says_holds_and_a_gpu_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "available_cpus", lambda: 64)
    monkeypatch.setenv("VISIONFLEET_WORKERS", "3")
    assert LocalSettings().worker_processes == 3
    monkeypatch.setenv("VISIONFLEET_WORKERS", "0")
    assert LocalSettings().worker_processes == 0
    monkeypatch.delenv("VISIONFLEET_WORKERS")
    monkeypatch.setenv("VISIONFLEET_PROFILE", "gpu")
    assert LocalSettings().worker_processes == 1


def test_a_worker_is_told_its_node_unless_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"VISIONFLEET_WORKERS_PER_HOST": "4", "OTHER": "1"}
    node = Place(frozenset(range(16)), 2)
    told = {"VISIONFLEET_CPUS": ",".join(map(str, range(16))), "VISIONFLEET_WORKERS_PER_HOST": "2"}
    assert at_place(shared, node) == {**shared, **told}
    assert at_place(shared, Place(frozenset(), 4)) == shared
    monkeypatch.setenv("VISIONFLEET_WORKERS_PER_HOST", "4")
    assert at_place(shared, node) == shared
