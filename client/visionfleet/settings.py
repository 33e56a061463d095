"""The client's settings: the only place in this package that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from visionfleet.errors import InvalidRequest


@dataclass(frozen=True)
class ClientSettings:
    """Where things are when a call does not say.

    Attributes:
        url: the server, from VISIONFLEET_URL; else this machine at VISIONFLEET_PORT (9001).
        port: the port that a server started here listens on.
        data_dir: the server's data folder, from VISIONFLEET_DATA_DIR; added models live in its ``models``.
        redis_url: a Redis of the user's own, from VISIONFLEET_REDIS_URL or REDIS_URL; None means the embedded one.
        api_key: for a server that asks for one, from VISIONFLEET_API_KEY.
    """

    url: str
    port: int
    data_dir: Path
    redis_url: str | None
    api_key: str | None = None


def load() -> ClientSettings:
    """Read the environment. Raises InvalidRequest for a port that is none."""
    env = {**_dotenv(Path(".env")), **os.environ}
    port = _port(env.get("VISIONFLEET_PORT") or "9001")
    return ClientSettings(
        url=env.get("VISIONFLEET_URL") or f"http://127.0.0.1:{port}",
        port=port,
        data_dir=Path(env.get("VISIONFLEET_DATA_DIR") or "data"),
        redis_url=env.get("VISIONFLEET_REDIS_URL") or env.get("REDIS_URL") or None,
        api_key=env.get("VISIONFLEET_API_KEY") or None,
    )


def shown() -> list[dict[str, str]]:
    """The client's own settings as ``visionfleet config`` shows them."""
    dotenv, rows = _dotenv(Path(".env")), []
    described = {
        "VISIONFLEET_URL": "The server that the client talks to; this machine at VISIONFLEET_PORT when not set.",
        "VISIONFLEET_API_KEY": "Sent with every request to a server that asks for a key.",
    }
    for variable, words in described.items():
        source = "env" if variable in os.environ else ".env" if variable in dotenv else "default"
        value = {"VISIONFLEET_URL": load().url}.get(variable, "***" if load().api_key else "")
        entry = {"variable": variable, "value": value, "source": source, "description": words}
        rows.append({"section": "The client.", **entry, "default": "", "problem": ""})
    return rows


def _dotenv(path: Path) -> dict[str, str]:
    """The variables of a .env file, as the server reads them; what the environment says goes before it."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, sign, value in pairs if sign}


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise InvalidRequest(f"VISIONFLEET_PORT is {text!r}; a port is a number from 1 to 65535.")
    return int(text)
