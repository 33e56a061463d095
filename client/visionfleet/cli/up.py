"""``visionfleet up`` and ``visionfleet down``: everything on this machine, started and stopped."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from visionfleet.errors import NotInstalled
from visionfleet.installed import importable

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Serve in the background; return when all is ready.")]


def up(ctx: typer.Context, detach: Detach = False) -> None:
    """Start Redis, the API and a worker on this machine, and serve until Ctrl-C, or with -d until 'visionfleet down'.

    Options go to the launcher; `visionfleet up -- --help` lists them. VISIONFLEET_PORT, VISIONFLEET_DATA_DIR and
    VISIONFLEET_WORKERS choose the port, the data folder and the number of worker pools.
    """
    arguments = [argument for argument in ctx.args if argument != "--"]
    launcher(*(["--detach"] if detach else []), *arguments)


def down() -> None:
    """Stop what 'visionfleet up' started with this data folder; running work is finished first."""
    launcher("--stop")


def launcher(*arguments: str) -> None:
    """Become the launcher. Raises NotInstalled."""
    os.execv(sys.executable, command(*arguments))  # noqa: S606 - our own interpreter


def command(*arguments: str) -> list[str]:
    """The command line of the launcher. Raises NotInstalled."""
    if not importable("deploy.local"):
        raise NotInstalled(
            "The server is not installed in this environment; run script/server in a checkout of Visionfleet, "
            'or: pip install "visionfleet-server[api,worker,cpu,local]".'
        )
    return [sys.executable, "-m", "deploy.local", *arguments]
