"""The command line on one screen."""

from __future__ import annotations

from typing import Annotated

import typer

from visionfleet import __version__
from visionfleet.cli import (
    batches,
    bench,
    completion,
    config,
    dlq,
    doctor,
    infer,
    jobs,
    keys,
    live,
    models,
    status,
    stream,
    up,
    usage,
    workflows,
)
from visionfleet.cli.console import say
from visionfleet.cli.exits import EPILOG, Group

app = typer.Typer(
    name="visionfleet",
    cls=Group,
    help="Computer-vision inference, from one laptop to a fleet.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,  # `completion` says more, and works without guessing the shell
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up", epilog=EPILOG, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(up.up)
app.command("down", epilog=EPILOG)(up.down)
app.command("infer", epilog=EPILOG)(infer.infer)
app.add_typer(models.app, name="models", epilog=EPILOG)
app.add_typer(jobs.app, name="jobs", epilog=EPILOG)
app.add_typer(batches.app, name="batches", epilog=EPILOG)
app.add_typer(workflows.app, name="workflows", epilog=EPILOG)
app.add_typer(stream.app, name="stream", epilog=EPILOG)
app.add_typer(keys.app, name="keys", epilog=EPILOG)
app.add_typer(dlq.app, name="dlq", epilog=EPILOG)
app.command("queues", epilog=EPILOG)(live.queues)
app.command("workers", epilog=EPILOG)(live.workers)
app.command("usage", epilog=EPILOG)(usage.usage)
app.command("status", epilog=EPILOG)(status.status)
app.command("doctor", epilog=EPILOG)(doctor.doctor)
app.command("config", epilog=EPILOG)(config.config)
app.command("bench", epilog=EPILOG)(bench.bench)
app.command("completion", epilog=EPILOG)(completion.completion)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        say(f"visionfleet {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Computer-vision inference, from one laptop to a fleet."""


def main() -> None:
    """The entry point of the ``visionfleet`` command."""
    app()


if __name__ == "__main__":
    main()
