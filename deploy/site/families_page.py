"""Model families and formats, as the engine finds them."""

from __future__ import annotations

import sys

from worker_service.engine import family
from worker_service.engine import format as model_format

HEAD = """# Families in this version

A family reads one layout of graphs; [Model families](../families.md) tells what each needs and how fast it is.

| `family` | `task` | |
|---|---|---|
"""
FORMATS = """
## What `visionfleet models add` takes

"""


def page() -> str:
    """The page."""
    rows = "".join(f"| `{one.name}` | {one.task} | {doc_of(one)} |\n" for one in family.registry())
    formats = "".join(f"* {one.name}\n" for one in model_format.registry())
    return HEAD + rows + FORMATS + formats + "* an https or fsspec URL of an .onnx file\n"


def doc_of(one: object) -> str:
    """The first sentence of its module."""
    module = sys.modules[type(one).__module__]
    doc = (type(one).__doc__ or module.__doc__ or "").strip().splitlines()
    return doc[0].replace("|", "\\|") if doc else ""
