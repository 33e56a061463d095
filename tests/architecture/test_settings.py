"""Every VISIONFLEET_* setting says what it is for, and the page of all settings is what the code says."""

from __future__ import annotations

import pytest
from pydantic_settings import BaseSettings

from tests.architecture.settings_page import PAGE, classes, page


@pytest.mark.parametrize("settings", list(classes()), ids=lambda settings: f"{settings.__module__}.{settings.__name__}")
def test_each_setting_is_described_and_prefixed(settings: type[BaseSettings]) -> None:
    assert settings.model_config.get("env_prefix") == "VISIONFLEET_"
    assert settings.model_fields
    assert [name for name, field in settings.model_fields.items() if len(field.description or "") < 10] == []


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.architecture.settings_page"
