"""What a batch's images are, and its results on their way to a file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from visionfleet import Batch, Client
from visionfleet.cli.console import err
from visionfleet.errors import InvalidImage, InvalidRequest
from visionfleet.sources import files_in, is_url, is_video

POLL_S = 0.5
STDIN = Path("-")


def files_of(sources: Sequence[str]) -> list[Path]:
    """The image files of a command line: files as they are, folders with all images below them.

    Raises InvalidRequest for what cannot be mixed with others, InvalidImage for what is not there.
    """
    found: list[Path] = []
    for source in sources:
        path = Path(source)
        if is_url(source) or is_video(source) or path.suffix.lower() == ".zip":
            raise InvalidRequest(f"A batch has one kind of source, so {source} cannot be mixed with others.")
        if not path.exists():
            raise InvalidImage(f"There is no file or folder {source}.")
        found += files_in(path) if path.is_dir() else [path]
    return found


def urls_in(file: Path) -> list[str]:
    """The URLs of a text file, one per line; empty lines and those with # are left out. Raises InvalidRequest."""
    text = sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    wrong = next((url for url in urls if not is_url(url)), None)
    if wrong is not None or not urls:
        raise InvalidRequest(f"{file} has no image URLs, one per line." if wrong is None else f"{wrong} is no URL.")
    return urls


def follow(client: Client, batch_id: str, to: Path | None) -> Batch:
    """The batch when it has ended, its results in a file where one is named; a bar shows how far it is."""
    if to is not None:
        write(client, batch_id, to, follow=True)
    with _bar() as bar:
        while True:
            batch = client.batches.get(batch_id)
            bar.update(bar.task_ids[0], total=batch.total, completed=batch.done)
            if batch.ended:
                return batch
            time.sleep(POLL_S)


def write(
    client: Client, batch_id: str, to: Path | None, *, after: int = 0, follow: bool = False, resume: bool = False
) -> int:
    """Write results, as they came from the server, to a file or to stdout. Returns how many."""
    after = max(after, last_in(to)) if resume and to is not None else after
    count = 0
    with _target(to, resume) as target, _bar(hidden=to is None) as bar:
        bar.update(bar.task_ids[0], total=client.batches.get(batch_id).total, completed=after)
        for result in client.batches.results(batch_id, after, follow=follow):
            target.write(json.dumps(result.raw) + "\n")
            count += 1
            bar.advance(bar.task_ids[0])
    return count


def last_in(file: Path) -> int:
    """The ``number`` of the last whole line, 0 without one; what a line was cut off at is taken away.

    Raises InvalidRequest when the file holds something else.
    """
    if not file.exists():
        return 0
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with file.open("r+b") as opened:
            opened.truncate(len(whole))
    lines = whole.splitlines()
    try:
        return int(json.loads(lines[-1])["number"]) if lines else 0
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest(f"{file} holds no results of a batch; name another file.") from None


@contextmanager
def _target(to: Path | None, resume: bool) -> Iterator[TextIO]:
    if to is None:
        yield sys.stdout
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("a" if resume else "w", encoding="utf-8") as target:
        yield target


@contextmanager
def _bar(*, hidden: bool = False) -> Iterator[Progress]:
    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=hidden or not err.is_terminal) as progress:
        progress.add_task("images", total=None)
        yield progress
