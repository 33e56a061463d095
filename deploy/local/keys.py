"""``python -m deploy.local.keys``: API keys straight in Redis, for the first key of a server and for scripts beside it.

``visionfleet keys`` does the same over HTTP, and calls this with ``--direct``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from deploy.local.errors import CannotStart
from deploy.local.redis_server import URL_FILE
from deploy.local.settings import LocalSettings
from shared.access.key import ALLOWANCES, ApiKey, Limits
from shared.access.store import KeyStore, Wanted
from shared.errors import VisionfleetError
from shared.redis import connect_async
from shared.settings import RedisSettings

SPAN = re.compile(r"(\d+)([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="visionfleet keys --direct", description="API keys, straight in Redis.")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key; it is shown this once")
    create.add_argument("name")
    create.add_argument("--scope", action="append", choices=ALLOWANCES, required=True, dest="scopes")
    create.add_argument("--owner", default="", help="whose jobs its jobs are; its own id when left out")
    create.add_argument("--expires", type=span, help="for how long it works: 90s, 30m, 12h, 7d, 4w")
    create.add_argument("--model", action="append", default=[], dest="models", help="model it may use, with * and ?")
    create.add_argument("--rate", type=float, help="requests per second")
    create.add_argument("--burst", type=int, help="requests at once before the rate holds")
    create.add_argument("--concurrency", type=int, help="requests under way at the same time")
    create.add_argument("--queue-share", type=float, help="share of a queue's depth for its jobs, 0 to 1")
    commands.add_parser("list", help="all keys, without the keys themselves")
    for name, meaning in (("show", "one key and its use"), ("revoke", "end a key, everywhere within a second")):
        commands.add_parser(name, help=meaning).add_argument("id")
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="write JSON for programs")
    return parser.parse_args(words)


def span(text: str) -> float:
    """Seconds of ``30d``."""
    found = SPAN.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError("write a time as 90s, 30m, 12h, 7d or 4w")
    return float(int(found[1]) * SECONDS[found[2]])


async def run(options: argparse.Namespace) -> None:
    """Do it. Raises VisionfleetError, CannotStart."""
    client = connect_async(RedisSettings(redis_url=redis_url()))
    store = KeyStore(client)
    try:
        if options.command == "create":
            key, text = await store.create(wanted(options))
            tell({**facts(key), "key": text}, options)
        elif options.command == "list":
            for key in await store.all():
                tell(facts(key), options)
        elif options.command == "show":
            key = await store.get(options.id)
            tell({**facts(key), **vars(await store.usage(key.id))}, options)
        else:
            tell(facts(await store.revoke(options.id)), options)
    finally:
        await client.aclose()


def redis_url() -> str:
    """The Redis of the settings, or the embedded one of this data folder. Raises CannotStart."""
    settings = LocalSettings()
    if settings.redis_url is not None:
        return settings.redis_url
    try:
        return (settings.data_dir / "redis" / URL_FILE).read_text()
    except OSError:
        raise CannotStart(
            f"no server was started with the data folder {settings.data_dir}; set VISIONFLEET_DATA_DIR or REDIS_URL"
        ) from None


def wanted(options: argparse.Namespace) -> Wanted:
    """What the key is to be. Raises CannotStart for a limit that makes no sense."""
    limits = Limits(options.rate, options.burst, options.concurrency, options.queue_share)
    if any(value is not None and value <= 0 for value in vars(limits).values()) or (limits.queue_share or 0) > 1:
        raise CannotStart("limits are greater than 0, and the share of the queue is at most 1")
    return Wanted(options.name, options.scopes, options.owner, options.expires, options.models, limits)


def facts(key: ApiKey) -> dict[str, Any]:
    """What may be told of a key."""
    ends = None if key.expires_ms is None else datetime.fromtimestamp(key.expires_ms / 1000, timezone.utc).isoformat()
    limits = {name: value for name, value in vars(key.limits).items() if value is not None}
    shown = {"id": key.id, "name": key.name, "state": key.state(), "scopes": list(key.scopes), "owner": key.owner}
    return {**shown, "models": list(key.models), "limits": limits, "expires": ends}


def tell(shown: dict[str, Any], options: argparse.Namespace) -> None:
    """One key, as a line for people or as JSON."""
    if options.json:
        print(json.dumps(shown))
        return
    print(
        "  ".join(f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in shown.items())
    )
    if "key" in shown:
        print("Keep the key: it is stored as its hash only and cannot be shown again.", file=sys.stderr)


def main() -> int:
    """Run the command; what is wrong becomes one line on stderr."""
    try:
        asyncio.run(run(arguments(sys.argv[1:])))
    except (VisionfleetError, CannotStart) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
