"""Written answers on the terminal while they are written."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from visionfleet import Client, VisionfleetError
from visionfleet.cli.console import complain, printable, say, write_json
from visionfleet.cli.pictures import Picture
from visionfleet.errors import InferenceFailed, InvalidImage, InvalidRequest, TooLarge


def check_alone(**others: object) -> None:
    """Raises InvalidRequest for options that have nothing to do with a text."""
    unfit = [name for name, value in others.items() if value]
    if unfit:
        raise InvalidRequest(f"--stream shows texts as a server writes them; it does not go with --{unfit[0]}.")


def follow(pictures: Iterable[Picture], client: Client, model: str, params: dict[str, Any], *, json: bool) -> int:
    """Show the text about one picture after the other; returns how many failed."""
    failed = 0
    given = {name: value for name, value in params.items() if value is not None}
    for picture in pictures:
        try:
            _follow(picture, client, model, given, json=json)
        except (InvalidImage, TooLarge, InferenceFailed) as error:
            _failed(picture, error, json=json)
            failed += 1
    return failed


def _follow(picture: Picture, client: Client, model: str, params: dict[str, Any], *, json: bool) -> None:
    if not json:
        say(f"{picture.source}: {model}", "bold")
    for piece in client.write(picture.image, model, **params):
        if json:
            said = {"text": piece.text} if piece.result is None else piece.result.to_plain()
            write_json({"source": picture.source, **said}, indent=None)
        else:
            lines = map(printable, piece.text.split("\n"))
            sys.stdout.write("\n" if piece.result is not None else "\n".join(lines))
            sys.stdout.flush()


def _failed(picture: Picture, error: VisionfleetError, *, json: bool) -> None:
    if json:
        write_json({"source": picture.source, "error": error.to_dict()}, indent=None)
    else:
        complain(f"{picture.source}: {error.message}")
