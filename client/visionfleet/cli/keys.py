"""``visionfleet keys``: API keys, over HTTP or, with ``--direct``, straight in the Redis of a server here."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from visionfleet import Client
from visionfleet.api.keys import ApiKey
from visionfleet.cli import options
from visionfleet.cli.console import note, out, row, say, table, write_json
from visionfleet.errors import InvalidRequest, NotInstalled
from visionfleet.installed import importable

app = typer.Typer(help="API keys: who may do what, how often.", no_args_is_help=True)

SPAN = re.compile(r"([1-9]\d{0,5})([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a key, as 'keys list' shows it.")]
Direct = Annotated[
    bool,
    typer.Option("--direct", help="Straight in Redis, on the server's own machine: for the first key of a server."),
]


@app.command("create")
def create(  # noqa: PLR0913, PLR0917 - the options of a command
    name: Annotated[str, typer.Argument(help="For people: who or what has the key.")],
    scopes: Annotated[list[str], typer.Option("--scope", "-s", help="infer, jobs, models, streams or admin.")],
    owner: Annotated[str, typer.Option(help="Whose jobs its jobs are; the key's own id when not given.")] = "",
    expires: Annotated[str, typer.Option(help="For how long it works: 90s, 30m, 12h, 7d, 4w.")] = "",
    models: Annotated[list[str] | None, typer.Option("--model", help="A model it may use, with * and ?.")] = None,
    rate: Annotated[float | None, typer.Option(help="Requests per second.")] = None,
    burst: Annotated[int | None, typer.Option(help="Requests at once before the rate holds.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests under way at the same time.")] = None,
    queue_share: Annotated[float | None, typer.Option(help="Share of a queue's depth for its jobs, 0 to 1.")] = None,
    *,
    direct: Direct = False,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Make a key. It is printed this once; the server keeps its hash only."""
    limits = {"rate": rate, "burst": burst, "concurrency": concurrency, "queue_share": queue_share}
    limits = {name: value for name, value in limits.items() if value is not None}
    seconds = seconds_of(expires)
    if direct:
        words = [part for scope in scopes for part in ("--scope", scope)]
        words += [part for model in models or () for part in ("--model", model)]
        words += [part for flag, value in limits.items() for part in (f"--{flag.replace('_', '-')}", str(value))]
        words += ["--owner", owner] if owner else []
        words += ["--expires", expires] if expires else []
        run_direct("create", *words, *(["--json"] if json else []), "--", name)
    with Client(url) as client:
        made = client.keys.create(name, scopes, owner=owner, expires_in=seconds, models=models or (), limits=limits)
    if json:
        write_json(asdict(made))
        return
    note(f"key {made.id} for {', '.join(made.scopes)}; keep it, it cannot be shown again:")
    say(made.key or "")


@app.command("list")
def list_keys(direct: Direct = False, url: options.Url = None, json: options.Json = False) -> None:
    """List all keys, revoked and expired ones too; never the keys themselves."""
    if direct:
        run_direct("list", *(["--json"] if json else []))
    with Client(url) as client:
        found = client.keys.list()
    if json:
        write_json([shown(key) for key in found])
        return
    keys = table("API keys", "id", "name", "state", "scopes", "owner", "models", "limits", "expires")
    for key in found:
        limits = ", ".join(f"{name} {value}" for name, value in key.limits.items() if value is not None)
        row(
            keys,
            key.id,
            key.name,
            key.state,
            " ".join(key.scopes),
            key.owner,
            " ".join(key.models),
            limits,
            key.expires,
        )
    out.print(keys)


@app.command("show")
def show(key: Id, direct: Direct = False, url: options.Url = None) -> None:
    """Show one key and what it was used for, as JSON."""
    if direct:
        run_direct("show", key, "--json")
    with Client(url) as client:
        write_json(shown(client.keys.get(key)))


@app.command("revoke")
def revoke(key: Id, direct: Direct = False, url: options.Url = None) -> None:
    """End a key: no part of the server takes it any more within a second."""
    if direct:
        run_direct("revoke", key)
    with Client(url) as client:
        say(f"{client.keys.revoke(key).id} is revoked")


def shown(key: ApiKey) -> dict[str, Any]:
    """What a list tells: no key was in the answer."""
    return {name: value for name, value in asdict(key).items() if name != "key"}


def seconds_of(text: str) -> float | None:
    """``7d`` in seconds; None for "". Raises InvalidRequest."""
    if not text:
        return None
    found = SPAN.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"{text!r} is no time; write 90s, 30m, 12h, 7d or 4w.")
    return float(int(found[1]) * SECONDS[found[2]])


def run_direct(*words: str) -> None:
    """Become the server's own command. Raises NotInstalled where there is none."""
    if not importable("deploy.local"):
        raise NotInstalled("--direct works where the server is installed; run it there, without --url.")
    os.execv(sys.executable, [sys.executable, "-m", "deploy.local.keys", *words])  # noqa: S606 - our own interpreter
