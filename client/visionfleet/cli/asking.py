"""What is asked of a picture: points and boxes to segment by, examples to find more of, texts to compare it with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import typer

from visionfleet import Client, Example, Prompt, PromptedMask, Result, VisionfleetError
from visionfleet.cli.answers import counted, show_answer
from visionfleet.cli.console import complain, out, row, table, write_json
from visionfleet.cli.pictures import Picture
from visionfleet.errors import InferenceFailed, InvalidImage, TooLarge

EMBEDS = "embedding"


class Asked(NamedTuple):
    """The options as they were written."""

    on: Sequence[str] = ()
    off: Sequence[str] = ()
    boxes: Sequence[str] = ()
    like: Sequence[str] = ()
    prompt: str | None = None
    confidence: float | None = None

    @property
    def marks(self) -> bool:
        """Whether there is a mark on a picture."""
        return bool(self.on or self.off or self.boxes or self.like)

    def prompts(self) -> list[Prompt]:
        """Points are of one object; each box is one, and points go with a single box. Raises BadParameter."""
        on = [(x, y) for x, y in (numbers(text, 2, "--point") for text in self.on)]
        off = [(x, y) for x, y in (numbers(text, 2, "--off") for text in self.off)]
        boxes = [(a, b, c, d) for a, b, c, d in (numbers(text, 4, "--box") for text in self.boxes)]
        if len(boxes) > 1 and (on or off):
            raise typer.BadParameter("Points belong to one object: give one --box with them, or none.")
        return [Prompt(on, off, box) for box in boxes] or [Prompt(on, off)]

    def examples(self) -> list[Example]:
        """``photo.jpg:10,20,110,120`` and, behind another colon, a name. Raises BadParameter."""
        found = []
        for text in self.like:
            head, _, name = text.rpartition(":")
            if "," in name:
                head, name = text, "object"
            path, _, corners = head.rpartition(":")
            if not Path(path).is_file():
                raise typer.BadParameter(
                    f"--like is FILE:X0,Y0,X1,Y1 with a name behind another colon; {path!r} is no file."
                )
            x0, y0, x1, y1 = numbers(corners, 4, "--like")
            found.append(Example(Path(path), (x0, y0, x1, y1), name))
        return found


def numbers(text: str, count: int, option: str) -> list[float]:
    """``3,4`` as two numbers. Raises BadParameter."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count:
        raise typer.BadParameter(f"{option} takes {count} numbers with commas between, in pixels; not {text!r}.")
    return found


def check(asked: Asked, **others: object) -> None:
    """Raises BadParameter for options that do not go together."""
    if not asked.marks:
        return
    if asked.like and (asked.on or asked.off or asked.boxes):
        raise typer.BadParameter("--like finds boxes, --point and --box segment: give one kind.")
    unfit = [name for name, value in others.items() if value]
    if unfit:
        raise typer.BadParameter(f"--{unfit[0]} does not go with --point, --off, --box and --like.")


def ask(
    pictures: Iterable[Picture], asked: Asked, model: str, client_of: Callable[[], Client], *, json: bool
) -> int | None:
    """Show the answers about one picture after the other; how many failed, or None for nothing of this kind."""
    if not asked.marks and asked.prompt is None:
        return None
    prompts, examples = asked.prompts(), asked.examples()
    with client_of() as client:
        if not asked.marks and not _embeds(client, model):
            return None
        return sum(not _answered(picture, client, model, (asked, prompts, examples), json=json) for picture in pictures)


def _embeds(client: Client, model: str) -> bool:
    return any(model in (known.id, *known.aliases) and known.task == EMBEDS for known in client.models.list())


def _answered(
    picture: Picture,
    client: Client,
    model: str,
    question: tuple[Asked, Sequence[Prompt], Sequence[Example]],
    *,
    json: bool,
) -> bool:
    """Show one picture's answer, or why there is none."""
    asked, prompts, examples = question
    try:
        if examples:
            found = client.find_like(picture.image, examples, model, confidence=asked.confidence)
            _show_boxes(picture.source, found, json=json)
        elif asked.marks:
            _show_masks(picture.source, client.segment(picture.image, prompts, model), json=json)
        else:
            texts = [text.strip() for text in (asked.prompt or "").split(",") if text.strip()]
            _show_likeness(picture.source, client.compare(picture.image, texts, model), json=json)
    except (InvalidImage, TooLarge, InferenceFailed) as error:
        _failed(picture.source, error, json=json)
        return False
    return True


def _show_boxes(source: str, found: Result, *, json: bool) -> None:
    if json:
        write_json({"source": source, **found.to_plain()}, indent=None)
    else:
        show_answer(source, found)


def _show_masks(source: str, masks: Sequence[PromptedMask], *, json: bool) -> None:
    if json:
        rows = [{"confidence": mask.confidence, "polygons": mask.polygons} for mask in masks]
        write_json({"source": source, "masks": rows}, indent=None)
        return
    shown = table(f"{source}: {counted(len(masks), 'mask')}", ">mask", ">confidence", ">outlines", ">corners")
    for number, mask in enumerate(masks, 1):
        corners = sum(len(outline) for outline in mask.polygons)
        row(shown, str(number), f"{mask.confidence:.2f}", str(len(mask.polygons)), str(corners))
    out.print(shown)


def _show_likeness(source: str, found: dict[str, float], *, json: bool) -> None:
    if json:
        write_json({"source": source, "similarity": found}, indent=None)
        return
    best = max(found, key=found.__getitem__, default="none")
    shown = table(f"{source}: {best}", "text", ">similarity")
    for text, likeness in sorted(found.items(), key=lambda pair: -pair[1]):
        row(shown, text, f"{likeness:.3f}")
    out.print(shown)


def _failed(source: str, error: VisionfleetError, *, json: bool) -> None:
    if json:
        write_json({"source": source, "error": error.to_dict()}, indent=None)
    else:
        complain(f"{source}: {error.message}")
