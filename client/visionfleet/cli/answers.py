"""Answers as tables. A task that has no table of its own is shown as JSON."""

from __future__ import annotations

from visionfleet import Classification, Detections, Result
from visionfleet.cli.console import out, row, say, table
from visionfleet.results import Reading, Writing


def show_answer(name: str, answer: Result) -> None:
    """Print one image's answer under its name."""
    spent = sum(value for name, value in answer.timings.items() if not name.startswith("total"))
    took = f", {spent:.0f} ms" if answer.timings else ""
    if isinstance(answer, Detections):
        show_boxes(f"{name}: {counted(len(answer), 'object')}{took}", answer)
    elif isinstance(answer, Classification):
        show_classes(f"{name}: {answer.top or ', '.join(answer.predicted) or 'none'}{took}", answer)
    elif isinstance(answer, Reading):
        say(f"{name}: {counted(len(answer.text.split()), 'word')}{took}", "bold")
        for line in answer.text.split("\n"):  # an end of line inside a text would be shown as a stray character
            say(line)
    elif isinstance(answer, Writing):
        say(f"{name}: {answer.model}{took}", "bold")
        for line in answer.text.split("\n"):  # an end of line inside a text would be shown as a stray character
            say(line)
    else:
        say(f"{name}: {answer.task}{took}", "bold")
        say(answer.to_json())


def show_boxes(title: str, answer: Detections) -> None:
    """One row per box; x and y are the centre."""
    if not answer.boxes:
        say(title, "bold")
        return
    boxes = table(title, "class", ">confidence", ">x", ">y", ">width", ">height")
    for box in answer:
        numbers = (f"{value:.0f}" for value in (box.x, box.y, box.width, box.height))
        row(boxes, box.class_name, f"{box.confidence:.2f}", *numbers)
    out.print(boxes)


def show_classes(title: str, answer: Classification) -> None:
    """One row per class."""
    if not answer.scores:
        say(title, "bold")
        return
    classes = table(title, "class", ">confidence")
    for score in answer.scores:
        row(classes, score.class_name, f"{score.confidence:.2f}")
    out.print(classes)


def counted(count: int, noun: str) -> str:
    """``1 object``, ``2 objects``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
