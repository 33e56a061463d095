"""Checks of ``visionfleet doctor``: of this machine, and of the server."""

from __future__ import annotations

from visionfleet.doctor import machine, server
from visionfleet.doctor.check import Check, State
from visionfleet.settings import ClientSettings

__all__ = ["Check", "State", "examine"]


def examine(here: ClientSettings, url: str | None = None) -> list[Check]:
    """Run every check. ``url`` overrides the server of the settings."""
    answers = server.examine(url or here.url)
    return [*machine.examine(here, serving=answers[0].state is State.OK), *answers]
