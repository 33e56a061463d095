"""``python -m deploy.local``: everything on this machine, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict

from pydantic import ValidationError
from rich.console import Console

from deploy.local import background, demo, state, status
from deploy.local.errors import CannotStart
from deploy.local.settings import LocalSettings
from deploy.local.system import System
from shared.settings import problems_of


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="script/server", description="Runs Visionfleet on this machine.")
    parser.add_argument("--demo", action="store_true", help="run one inference and exit")
    parser.add_argument("--no-demo", action="store_true", help="serve without a first inference")
    parser.add_argument("--insecure", action="store_true", help="ask nobody for an API key, on any address")
    parser.add_argument("--detach", action="store_true", help="serve in the background; return when all is ready")
    parser.add_argument("--stop", action="store_true", help="stop what serves in the background")
    parser.add_argument("--config", action="store_true", help="write every setting with its value and source as JSON")
    return parser.parse_args()


async def serve(system: System, options: argparse.Namespace, console: Console) -> int:
    """Start, show one inference, serve until a signal, drain. Returns the exit status."""
    stop = asyncio.Event()
    listen(system, stop)
    began = asyncio.create_task(begin(system, options, console))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({began, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not began.done():
            return 1
        began.result()
        if not options.demo:
            await until(stopped, system)
        return 0
    finally:
        began.cancel()
        stopped.cancel()
        await asyncio.gather(began, stopped, return_exceptions=True)
        if stop.is_set():
            console.print("\nstopping: running work is finished first; Ctrl-C again stops at once", style="dim")
        if not await system.stop():
            console.print("some processes did not end in time and were killed", style="yellow")


async def begin(system: System, options: argparse.Namespace, console: Console) -> None:
    """Start everything, then one inference unless it is not wanted."""
    console.print(f"starting Visionfleet (data and logs in {system.settings.data_dir})", style="dim", soft_wrap=True)
    await system.start()
    state.write(system.settings.data_dir, system.settings.url, ready=True)
    if not options.no_demo:
        await asyncio.to_thread(demo.run, system.settings, console, system.key)
    if not options.demo:
        console.print(f"playground  {system.settings.url}/", style="bold", soft_wrap=True)


async def until(stopped: asyncio.Task[bool], system: System) -> None:
    """Show the live line until a signal came."""
    line = asyncio.create_task(status.show(system))
    await asyncio.wait({line, stopped}, return_when=asyncio.FIRST_COMPLETED)
    line.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await line


def listen(system: System, stop: asyncio.Event) -> None:
    """The first signal drains, the second kills."""
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            system.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)


def in_background(settings: LocalSettings, *, stop: bool) -> int:
    """Start or stop what serves in the background; one line says what came of it. Raises CannotStart."""
    if stop:
        print("stopped" if background.stop(settings) else f"nothing is running with the data in {settings.data_dir}")
        return 0
    running = background.start(settings)
    print(f"serving on {running.url} (pid {running.pid}, data and logs in {settings.data_dir})")
    print("stop it with: visionfleet down, or script/server --stop")
    return 0


def show_config() -> int:
    """Every setting as JSON; 1 when one of them is refused."""
    from deploy.local import config  # noqa: PLC0415 - it loads the settings of all services

    found = config.settings()
    print(json.dumps([asdict(setting) for setting in found]))
    return int(any(setting.problem for setting in found))


def main() -> int:
    """Run the launcher; whatever is in the way becomes one line on stderr."""
    options = arguments()
    try:
        if options.config:
            return show_config()
        settings = LocalSettings()
        if options.insecure:
            settings = settings.model_copy(update={"insecure": True})
        if options.detach or options.stop:
            return in_background(settings, stop=options.stop)
        return asyncio.run(serve(System(settings), options, Console()))
    except ValidationError as error:
        for variable, problem in problems_of(LocalSettings, error).values():
            print(f"error: {variable}: {problem}", file=sys.stderr)
    except CannotStart as error:
        if error.log:
            print(error.log, file=sys.stderr)
        print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread that still waits for an HTTP answer must not hold up the end
