"""docs/settings.md, made from the settings classes. Renew it: ``python -m tests.architecture.settings_page``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from shared.settings import variables_of
from tests.architecture.tree import ROOT, modules

PAGE = ROOT / "docs" / "settings.md"
HEAD = """# Settings

Every setting is an environment variable. A value that does not fit stops the start with a message that names it. Where
several names are given the first that is set counts; the others are those of Roboflow Inference, or common ones.
This page is made from the code by `python -m tests.architecture.settings_page`.
"""


def classes() -> Iterator[type[BaseSettings]]:
    """Every settings class, in the order of its module."""
    for name in modules():
        if name.endswith(".settings"):
            for value in vars(importlib.import_module(name)).values():
                if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == name:
                    yield value


def page() -> str:
    return "\n".join([HEAD, *(section(cls) for cls in classes())])


def section(cls: type[BaseSettings]) -> str:
    doc = (cls.__doc__ or "").strip().splitlines()[0]
    own = inspect.get_annotations(cls)
    rows = [row(name, field) for name, field in cls.model_fields.items() if name in own]
    return "\n".join([f"## {doc}", "", "| Variable | Default | What it does |", "|---|---|---|", *rows, ""])


def row(name: str, field: FieldInfo) -> str:
    variables = variables_of(name, field)
    shown = " or ".join(f"`{variable}`" for variable in variables)
    return f"| {shown} | {default(field)} | {(field.description or '').replace('|', chr(92) + '|')} |"


def default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, tuple | list):
        value = ",".join(map(plain, value))
    text = plain(value)
    return f"`{text}`" if text else "none"


def plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Path) and value.is_absolute():
        return str(value.relative_to(ROOT)) if value.is_relative_to(ROOT) else str(value)
    return str(value)


if __name__ == "__main__":
    PAGE.write_text(page())
