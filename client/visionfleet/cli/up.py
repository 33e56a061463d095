"""``visionfleet up``: start everything on this machine."""

from __future__ import annotations

import os
import sys

import typer

from visionfleet.errors import NotInstalled
from visionfleet.installed import importable


def up(ctx: typer.Context) -> None:
    """Start Redis, the API and a worker on this machine, and serve until Ctrl-C.

    Options go to the launcher; `visionfleet up -- --help` lists them. VISIONFLEET_PORT, VISIONFLEET_DATA_DIR and
    VISIONFLEET_WORKERS choose the port, the data folder and the number of worker pools.
    """
    if not importable("deploy.local"):
        raise NotInstalled(
            "The server is not installed in this environment; run script/server in a checkout of Visionfleet, "
            'or: pip install "visionfleet-server[api,worker,cpu,local]".'
        )
    arguments = [argument for argument in ctx.args if argument != "--"]
    os.execv(sys.executable, [sys.executable, "-m", "deploy.local", *arguments])  # noqa: S606 - our own interpreter
