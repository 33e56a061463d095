"""Run one block in a test without a definition, or a small definition with blocks of the test's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.registry import Registry
from shared.workflows.block import Block
from shared.workflows.catalog import Catalog, core, unique
from shared.workflows.compiler import compile_workflow
from shared.workflows.services import Services
from shared.workflows.session import Session


def make(block: type[Block], services: Services | None = None, **init: Any) -> Block:
    """An instance, as a session makes it: call ``run_block`` on it several times to see its state."""
    return block(services or Services(), "step", init)


def with_blocks(*blocks: type[Block]) -> Catalog:
    """The core blocks and these, for ``run_workflow`` and ``compile_workflow``."""
    catalog: Catalog = Registry("workflow block")
    for block in [*unique(core()), *blocks]:
        for name in block.ids:
            catalog.add(name, block, block.__module__)
    return catalog


def run_workflow(
    definition: Mapping[str, Any],
    inputs: Mapping[str, Any],
    *blocks: type[Block],
    services: Services | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Compile and run a definition once, with these blocks beside the core ones; ``options`` go to ``Session.run``."""
    plan = compile_workflow(definition, with_blocks(*blocks))
    with Session(plan, services) as session:
        return session.run(inputs, **options).outputs


def run_block(block: type[Block] | Block, /, **values: Any) -> Any:
    """Call ``run`` with these values and the defaults of all other fields; field names may be the alternative ones.

    Values are what ``run`` gets (images, detections, ``Batch``). Raises TypeError when a required one is missing.
    """
    instance = make(block) if isinstance(block, type) else block
    spec = instance.spec
    values = spec.renamed(values)
    for name in spec.names:
        info = spec.manifest.model_fields[name]
        if name in values:
            continue
        if info.is_required():
            raise TypeError(f"{spec.id} needs {name}")
        values[name] = info.get_default(call_default_factory=True)
    runner: Any = instance
    return runner.run(**values)
