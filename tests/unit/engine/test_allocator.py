"""Pictures find the memory of the last one; a model's goes back."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from worker_service import serve

PICTURES = """
import resource, sys
import numpy as np
from worker_service.allocator import give_back, keep_pages

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def picture():
    first = np.ones((1080, 1920, 3), np.uint8)  # two at a time: what is free is joined and shrinks
    return first + np.ones((1080, 1920, 3), np.uint8)

if sys.argv[1] == "kept":
    assert keep_pages()
picture()
before = faults()
for _ in range(20):
    picture()
during = faults() - before
model = [np.ones(2**20, np.uint8) for _ in range(64)]
del model
large = resident()
give_back()
print(during, large - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_the_next_picture_finds_the_pages_of_the_last_and_a_model_gives_its_own_back() -> None:
    told = {
        how: subprocess.run([sys.executable, "-c", PICTURES, how], capture_output=True, text=True, check=True).stdout
        for how in ("kept", "as it comes")
    }
    faults, given = map(int, told["kept"].split())
    assert faults * 20 < int(told["as it comes"].split()[0])
    assert given > 48 * 2**20


class Told(Exception):
    """That pages are to be kept."""


def test_a_worker_tells_the_c_library_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> None:
        raise Told

    monkeypatch.setattr(serve, "configure", lambda *_: None)
    monkeypatch.setattr(serve, "keep_pages", told)
    with pytest.raises(Told):
        serve.serve()
