"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Url = Annotated[
    str | None, typer.Option("--url", help="The server; VISIONFLEET_URL or http://127.0.0.1:9001 when not given.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that one request may take, retries included.")]
