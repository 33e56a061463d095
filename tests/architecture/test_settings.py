"""Every VISIONFLEET_* setting says what it is for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from pydantic_settings import BaseSettings

from tests.architecture.tree import modules


def classes() -> Iterator[type[BaseSettings]]:
    for name in modules():
        if name.endswith(".settings"):
            for value in vars(importlib.import_module(name)).values():
                if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == name:
                    yield value


@pytest.mark.parametrize("settings", list(classes()), ids=lambda settings: f"{settings.__module__}.{settings.__name__}")
def test_each_setting_is_described_and_prefixed(settings: type[BaseSettings]) -> None:
    assert settings.model_config.get("env_prefix") == "VISIONFLEET_"
    assert settings.model_fields
    assert [name for name, field in settings.model_fields.items() if len(field.description or "") < 10] == []
