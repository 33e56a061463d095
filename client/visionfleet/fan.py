"""One operation for each of many items, so many at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typing_extensions import Self

from visionfleet.steps import Flow

I = TypeVar("I")  # noqa: E741 - an item
T = TypeVar("T")


@dataclass
class Fan(Generic[I, T]):
    """What to do with each item.

    Attributes:
        items: makes the items; they are taken one by one, as there is room.
        flow: the operation for an item.
        concurrency: operations at the same time. The first item goes alone, so that what is wrong with all of them
            (an unknown model, a server that is away) is said once.
        bar: a progress bar, when one is wanted.
    """

    items: Callable[[], Iterable[I]]
    flow: Callable[[I], Flow[T]]
    concurrency: int
    bar: Bar | None = None

    def note(self, answer: T) -> T:
        """The answer, counted."""
        if self.bar is not None:
            self.bar.advance()
        return answer


class Bar:
    """A progress bar on stderr's terminal; nothing where there is none."""

    def __init__(self, title: str, total: int | None) -> None:
        from rich.console import Console  # noqa: PLC0415 - only those who want a bar pay for it

        console = Console(stderr=True)
        columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self) -> None:
        """One more is done."""
        self._progress.advance(self._task)
