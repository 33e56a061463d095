"""Texts about an image, told while they are written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from visionfleet import wire
from visionfleet.api.inference import task_of
from visionfleet.api.jobs import SILENCE_S
from visionfleet.core import Core
from visionfleet.errors import BadAnswer, ServerUnreachable, UnsupportedTask, from_dict
from visionfleet.images import ImageInput, load
from visionfleet.method import stream
from visionfleet.results import Result, parse
from visionfleet.sse import Event, Parser
from visionfleet.steps import Do, Stream, each

WRITE = frozenset({"lmm", "ocr"})
"""Tasks of models that write; the empty one is of a model that the server may have yet to fetch."""


@dataclass(frozen=True)
class Piece:
    """What the text has become longer by.

    Attributes:
        text: some words of it; empty in the last piece.
        result: in the last piece the whole answer, as ``infer`` gives it.
    """

    text: str
    result: Result | None = None

    @override
    def __str__(self) -> str:
        return self.text


def write(core: Core, /, image: ImageInput, model: str, **params: Any) -> Stream[Piece]:
    """Have a model write about an image, and be told the text while it is written.

        for piece in client.write("street.jpg", "smolvlm2", prompt="What is this?"):
            print(piece, end="", flush=True)

    Leaving the loop early ends the work on the server. Beams are told at their end: till then no word is certain.

    Args:
        image: a path, URL, bytes of an image file, BGR array or PIL image.
        model: id or alias.
        **params: ``prompt``, ``max_new_tokens``, ``temperature``, ``top_k``, ``top_p``, ``seed``, ``num_beams``,
            ``stop``, ``hardware``.

    Raises:
        UnsupportedTask: the model does not write.
        VisionfleetError: what the server answered; it may come after the first words.
        ServerUnreachable: the connection broke; the text would begin anew.
    """
    source = yield Do(lambda: load(image))
    task = (yield from task_of(core, model)) or "lmm"
    if task not in WRITE:
        raise UnsupportedTask(f"The model {model} does {task}; it writes no text. Use infer.")
    call = wire.infer_call(task, model, source, params, packed=bool(core.packs))
    call = replace(call, headers={**call.headers, "Accept": "text/event-stream"})
    reader = Reader(task, model)
    yield from each(core.lines(call, SILENCE_S), reader.take)
    if not reader.ended:
        kind = ServerUnreachable if reader.begun else BadAnswer
        raise kind("The answer ended before its result.")


class Reader:
    """Makes pieces of lines."""

    def __init__(self, task: str, model: str) -> None:
        self.begun = self.ended = False
        self._task, self._model, self._parser = task, model, Parser()

    def take(self, line: str) -> Piece | None:
        """The piece that this line ends. Raises the server's error, BadAnswer."""
        event = self._parser.feed(line)
        return None if event is None else self._piece(event)

    def _piece(self, event: Event) -> Piece | None:
        fields, self.begun = event.fields(), True
        if event.name == "text":
            return Piece(str(fields.get("text", "")))
        if event.name == "error":
            raise from_dict(fields)
        if event.name != "result":
            return None
        self.ended = True
        return Piece("", parse(self._task, self._model, fields))


class Writings:
    """The operation that stands on the client itself."""

    write = stream(write)
