"""Run one block in a test, without a definition."""

from __future__ import annotations

from typing import Any

from shared.workflows.block import Block
from shared.workflows.services import Services


def make(block: type[Block], services: Services | None = None, **init: Any) -> Block:
    """An instance, as a session makes it: call ``run_block`` on it several times to see its state."""
    return block(services or Services(), "step", init)


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
