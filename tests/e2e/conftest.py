"""The whole system, started once for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.launcher import Launched, end, launch, until_ready


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """redis, API and one worker with the bundled models, on a free port."""
    launched = launch(tmp_path_factory.mktemp("system"), "--no-demo")
    try:
        until_ready(launched)
        yield launched
    finally:
        end(launched)


@pytest.fixture
def base_url(system: Launched) -> str:
    """Where the system serves."""
    return system.base_url
