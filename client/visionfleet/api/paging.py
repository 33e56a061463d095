"""Going through a list that the server gives page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.steps import Item, Stream

PAGE = 200
T = TypeVar("T")


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A list of the server: its path, the names of its entries and of its cursor, and how an entry is read."""

    path: str
    name: str
    read: Callable[[Mapping[str, Any]], T]
    cursor: str = "cursor"


def entries(core: Core, listing: Listing[T], limit: int, query: Mapping[str, str]) -> Stream[T]:
    """Up to ``limit`` entries of the list."""
    cursor = ""
    while limit > 0:
        asked = {**query, "limit": str(min(limit, PAGE)), **({"cursor": cursor} if cursor else {})}
        body = yield from core.fetch(wire.Call("GET", listing.path, query=asked))
        found = (body.get(listing.name) or ())[:limit]
        for entry in found:
            yield Item(listing.read(entry))
        limit -= len(found)
        cursor = body.get(listing.cursor) or ""
        if not cursor:
            return
