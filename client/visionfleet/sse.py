"""Server-sent events, line by line (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event; ``id`` stays the last one given until another comes."""

    id: str
    name: str
    data: str

    def fields(self) -> dict[str, Any]:
        """The data as a JSON object; empty when it is none."""
        try:
            values = json.loads(self.data)
        except ValueError:
            return {}
        return values if isinstance(values, dict) else {}


class Parser:
    """Feed it lines; an event comes out at the empty line that ends it."""

    def __init__(self) -> None:
        self._id, self._name = "", ""
        self._data: list[str] = []

    def feed(self, line: str) -> Event | None:
        """Take one line without its end; comments and unknown fields are skipped."""
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            self._id = value
        elif name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        return None

    def _dispatch(self) -> Event | None:
        data, name = self._data, self._name or "message"
        self._data, self._name = [], ""
        return Event(self._id, name, "\n".join(data)) if data else None
