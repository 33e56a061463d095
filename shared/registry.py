"""Plug-ins found by scanning a folder: adding one is adding a file.

Duplicate names raise and name both modules. A plug-in whose third-party library is missing is listed as unavailable
with the library's name. Any other failure (a syntax error, a broken import of ours) stops the process.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Generic, TypeVar

T = TypeVar("T")

OUR_PACKAGES = ("api_service", "worker_service", "stream_service", "shared", "deploy", "visionfleet")


def load(name: str) -> ModuleType:
    """A module of ours by its dotted name."""
    return importlib.import_module(name)


class DuplicateName(RuntimeError):
    """Two plug-ins chose the same name."""


class Registry(Generic[T]):
    """Plug-ins by name. ``kind`` is the word used in messages, such as "model family"."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.unavailable: dict[str, str] = {}
        self._plugins: dict[str, tuple[str, T]] = {}

    def add(self, name: str, plugin: T, module: str) -> None:
        """Register one plug-in. Raises DuplicateName when the name is taken by another module."""
        if name in self._plugins:
            raise DuplicateName(f"{self.kind} {name!r} is defined by {self._plugins[name][0]} and by {module}")
        self._plugins[name] = (module, plugin)

    def scan(self, package: ModuleType, select: Callable[[ModuleType], Iterator[tuple[str, T]]]) -> Registry[T]:
        """Import every module of ``package`` in sorted order and register what ``select`` yields from each."""
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            if info.name.startswith("_"):
                continue
            module_name = f"{package.__name__}.{info.name}"
            try:
                module = importlib.import_module(module_name)
            except ModuleNotFoundError as missing:
                if missing.name is None or missing.name.split(".")[0] in OUR_PACKAGES:
                    raise
                self.unavailable[info.name] = missing.name
                continue
            for name, plugin in select(module):
                self.add(name, plugin, module_name)
        return self

    def get(self, name: str) -> T:
        """The plug-in of that name. Raises KeyError with the names there are, or the library that is missing."""
        if name in self._plugins:
            return self._plugins[name][1]
        if name in self.unavailable:
            raise KeyError(f"{self.kind} {name!r} needs the package {self.unavailable[name]!r}, which is not installed")
        raise KeyError(f"there is no {self.kind} {name!r}; known: {', '.join(sorted(self._plugins)) or 'none'}")

    def __iter__(self) -> Iterator[T]:
        return (plugin for _, plugin in self._plugins.values())

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted(self._plugins)


def submodule(package: ModuleType, name: str) -> ModuleType:
    """A module inside a package, imported by name. Raises ModuleNotFoundError."""
    return importlib.import_module(f"{package.__name__}.{name}")


def module_named(name: str) -> ModuleType:
    """A module of another package, imported by name. Raises ImportError."""
    return importlib.import_module(name)


def entry_points(group: str) -> list[str]:
    """Names of the modules that installed packages offer under this group, sorted."""
    return sorted({point.module for point in importlib.metadata.entry_points(group=group)})
