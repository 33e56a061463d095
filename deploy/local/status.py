"""The live line below everything else: what serves, how fast, what waits, what crashed."""

from __future__ import annotations

import asyncio
import shutil
import sys

from deploy.local.http import NoAnswer, get_json
from deploy.local.system import System

EVERY_S = 2.0


async def show(system: System) -> None:
    """Rewrite one line on a terminal; elsewhere print a line whenever something was restarted. Runs until canceled."""
    terminal = sys.stdout.isatty()
    restarts = 0
    while True:
        if terminal:
            columns = shutil.get_terminal_size().columns
            print(f"\r\033[K{(await line(system))[: columns - 1]}", end="", flush=True)
        now = sum(child.restarts for child in system.children)
        if now != restarts:
            print(f"{'' if not terminal else chr(10)}{crashed(system)}", flush=True)
            restarts = now
        await asyncio.sleep(EVERY_S)


def crashed(system: System) -> str:
    """Which children were restarted, how often, and where their logs are."""
    words = (
        f"{child.service.name} x{child.restarts} ({child.service.log})" for child in system.children if child.restarts
    )
    return f"restarted: {', '.join(words)}"


async def line(system: System) -> str:
    """One line of figures from /v1/fleet."""
    end = "Ctrl-C stops"
    try:
        fleet = await asyncio.to_thread(get_json, f"{system.settings.url}/v1/fleet", 2.0, system.key)
    except NoAnswer:
        return f"{system.settings.url}  the API does not answer yet  {end}"
    ready = sum(worker["state"] == "ready" for worker in fleet["workers"])
    waiting = sum(queue["waiting"] for queue in fleet["queues"])
    rate = sum(worker["rate"] for worker in fleet["workers"])
    return f"{system.settings.url}  {ready} ready  {rate:.1f} jobs/s  {waiting} waiting  {end}"
