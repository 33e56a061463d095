"""Makes super-gradients 3.7.1 importable beside today's libraries; import this module before it.

What it imports but does not need to build, run or export a detector (data sets, trackers, clouds) is stood in for by
empty modules, names that numpy has dropped are put back, and torch's exporter is the one that it was written for.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import onnx
import torch

ABSENT = (
    *(
        "albumentations",
        "boto3",
        "botocore",
        "clearml",
        "coverage",
        "dagshub",
        "data_gradients",
        "deci_platform_client",
    ),
    *("imagesize", "onnxsim", "pycocotools", "tensorboard", "wandb"),
)


class _AnyName(type):
    """Its classes have every attribute."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything


class _Anything(metaclass=_AnyName):
    """A class, function or decorator that is never really used."""

    def __init__(self, *args: Any, **named: Any) -> None:
        del args, named

    def __call__(self, *args: Any, **named: Any) -> Any:
        del named
        return args[0] if args else self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        del bases
        return (object,)


class _Empty(ModuleType):
    """A module in which any name is a class."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _AnyName(name, (_Anything,), {})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        """Absent packages and everything below them."""
        del path, target
        known = name.split(".", maxsplit=1)[0] in ABSENT or name == "torch.utils.tensorboard"
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if known else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """An empty one."""
        return _Empty(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


def _as_it_is(model: Any, *options: Any, **named: Any) -> tuple[Any, bool]:
    """Graphs are simplified by a compiled library; they run unsimplified as well."""
    del options, named
    return onnx.load(model) if isinstance(model, str) else model, True


def install() -> None:
    """Once, before the first import."""
    os.environ |= {"UPLOAD_LOGS": "FALSE", "CRASH_HANDLER": "FALSE"}
    sys.meta_path.insert(0, _Finder())
    for name, value in {"float": float, "int": int, "bool": bool, "object": object}.items():
        if name not in np.__dict__:
            setattr(np, name, value)
    torch.onnx.export = partial(torch.onnx.export, dynamo=False)
    importlib.import_module("onnxsim").simplify = _as_it_is  # type: ignore[attr-defined]


install()
