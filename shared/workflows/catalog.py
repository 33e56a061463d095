"""All blocks by identifier and alias: those in ``blocks/``, and those of plug-in packages."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType

from shared.registry import Registry, submodule
from shared.workflows import blocks
from shared.workflows.block import Block

ENGINE_VERSION = "1.17.0"
"""The version of the definition language and its semantics, as Roboflow counts it."""

Catalog = Registry[type[Block]]


def exported(module: ModuleType) -> Iterator[tuple[str, type[Block]]]:
    """Each name of each block that the module defines."""
    for value in vars(module).values():
        if inspect.isclass(value) and issubclass(value, Block) and value.ids and value.__module__ == module.__name__:
            for name in value.ids:
                yield name, value


@lru_cache(maxsize=1)
def core() -> Catalog:
    """The blocks of this package, found once per process."""
    catalog: Catalog = Registry("workflow block")
    for info in sorted(pkgutil.iter_modules(blocks.__path__), key=lambda info: info.name):
        catalog.scan(submodule(blocks, info.name), exported)
    return catalog


def unique(catalog: Catalog) -> list[type[Block]]:
    """Every block once, by identifier."""
    return sorted({block.ids[0]: block for block in catalog}.values(), key=lambda block: block.ids[0])
