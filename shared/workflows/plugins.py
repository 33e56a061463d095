"""Blocks of other packages: those that installed packages offer by entry point, and those that a setting names.

A package offers blocks with an entry point of the group ``visionfleet.workflow_blocks``. What it points at, and what
VISIONFLEET_WORKFLOW_PLUGINS names, is a module that defines subclasses of ``Block`` or has ``load_blocks()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import ModuleType

from shared.registry import DuplicateName, Registry, entry_points, module_named
from shared.workflows import errors
from shared.workflows.block import Block
from shared.workflows.catalog import Catalog, core, exported, unique
from shared.workflows.settings import WorkflowSettings

GROUP = "visionfleet.workflow_blocks"


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """The core blocks and those of all plug-ins, found once per process. Raises PluginLoadingError."""
    names = [*entry_points(GROUP), *WorkflowSettings().workflow_plugins]
    return with_plugins(names)


def with_plugins(names: Iterable[str]) -> Catalog:
    """The core blocks and those of these modules. Raises PluginLoadingError."""
    found: Catalog = Registry("workflow block")
    found.unavailable |= core().unavailable
    for block in unique(core()):
        for name in block.ids:
            found.add(name, block, block.__module__)
    for module_name in dict.fromkeys(names):
        module = _module(module_name)
        try:
            for name, block in _blocks(module):
                found.add(name, block, module_name)
        except DuplicateName as error:
            raise errors.PluginLoadingError(str(error), errors.LOADING, inner=error) from error
    return found


def _module(name: str) -> ModuleType:
    try:
        return module_named(name)
    except ImportError as error:
        message = f"The workflow plug-in {name!r} cannot be imported ({type(error).__name__})."
        raise errors.PluginLoadingError(message, errors.LOADING, inner=error) from error


def _blocks(module: ModuleType) -> Iterator[tuple[str, type[Block]]]:
    load = getattr(module, "load_blocks", None)
    if load is None:
        yield from exported(module)
        return
    for block in load():
        if not (isinstance(block, type) and issubclass(block, Block) and block.ids):
            message = f"load_blocks() of {module.__name__} must give subclasses of Block that have ids."
            raise errors.PluginLoadingError(message, errors.LOADING)
        yield from ((name, block) for name in block.ids)
