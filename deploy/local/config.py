"""Every setting of every service here: its value, and where that comes from."""

from __future__ import annotations

import inspect
import os
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

import api_service
import deploy
import shared
import stream_service
import worker_service
from shared.registry import load
from shared.settings import FROM_DOTENV, problems_of, variables_of
from shared.streams.redact import HIDDEN, NAME, redact

PACKAGES = (api_service, worker_service, stream_service, shared, deploy)


@dataclass(frozen=True)
class Setting:
    """One variable. ``source``: env, .env or default; ``given_as``: the name under which it was found there.
    ``problem``: why it is refused, by that name. Secrets are never shown.
    """

    section: str
    variable: str
    value: str
    source: str
    default: str
    description: str
    problem: str = ""
    given_as: str = ""
    also: list[str] = dataclass_field(default_factory=list)


def settings() -> list[Setting]:
    """Every setting once, by the first class that has it."""
    found: dict[str, Setting] = {}
    for cls in classes():
        values, problems = _values(cls)
        own = inspect.get_annotations(cls)
        for name, field in ((name, field) for name, field in cls.model_fields.items() if name in own):
            variables = variables_of(name, field)
            source, given, used = _source(variables)
            value = values.get(name, given)
            default = field.get_default(call_default_factory=True, validated_data={})
            found.setdefault(
                variables[0],
                Setting(
                    section=(cls.__doc__ or "").strip().splitlines()[0],
                    variable=variables[0],
                    value=shown(variables[0], value),
                    source=source,
                    default=shown(variables[0], default),
                    description=field.description or "",
                    problem=problems.get(name, ""),
                    given_as=used,
                    also=variables[1:],
                ),
            )
    return list(found.values())


def classes() -> Iterator[type[BaseSettings]]:
    """Every settings class of our packages, in the order of its module."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(".settings"):
                for value in vars(load(module.name)).values():
                    ours = isinstance(value, type) and issubclass(value, BaseSettings)
                    if ours and value.__module__ == module.name:
                        yield value


def shown(variable: str, value: Any) -> str:
    """A value as it may be shown: lists with commas, secrets and credentials of URLs hidden."""
    if value is None or value == "":
        return ""
    if isinstance(value, SecretStr) or (NAME.search(variable) and isinstance(value, str)):
        return HIDDEN
    if isinstance(value, (tuple, list, frozenset, set)):
        return ",".join(shown(variable, one) for one in value)
    return str(value) if isinstance(value, (bool, int, float, Path)) else redact(str(value))


def _source(variables: list[str]) -> tuple[str, str, str]:
    env = {name.upper(): value for name, value in os.environ.items()}  # noqa: TID251 - it tells what settings read
    dotenv = {name.upper() for name in FROM_DOTENV}
    for variable in variables:
        if variable.upper() in env:
            return ".env" if variable.upper() in dotenv else "env", env[variable.upper()], variable
    return "default", "", ""


def _values(cls: type[BaseSettings]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that are in force; when one is refused, none but the reasons."""
    try:
        made = cls()
    except ValidationError as refused:
        found = problems_of(cls, refused)
        return {}, {name: f"{variable}: {problem}" for name, (variable, problem) in found.items()}
    return {name: getattr(made, name) for name in cls.model_fields}, {}
