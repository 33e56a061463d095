"""Operations on texts, and to texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows.uql.base import Operation, Scope


class _OnText(Operation):
    def text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.refuse(value, "a text")
        return value


class StringToLowerCase(_OnText):
    """Small letters."""

    type: Literal["StringToLowerCase"]

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        return self.text(value).lower()


class StringToUpperCase(_OnText):
    """Capital letters."""

    type: Literal["StringToUpperCase"]

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        return self.text(value).upper()


class StringSubSequence(_OnText):
    """Characters from ``start`` up to, not including, ``end``; negative positions count from the end."""

    type: Literal["StringSubSequence"]
    start: int = 0
    end: int = -1

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        return self.text(value)[self.start : self.end]


class StringMatches(_OnText):
    """Whether the pattern is found anywhere in the text."""

    type: Literal["StringMatches"]
    regex: str

    @override
    def apply(self, value: Any, scope: Scope) -> bool:
        try:
            return re.search(self.regex, self.text(value)) is not None
        except re.error as error:
            raise InvalidRequest(f"StringMatches cannot read its pattern: {error}.") from error


class ToString(Operation):
    """Any value as text."""

    type: Literal["ToString"]

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        return str(value)


class TimestampToISOFormat(Operation):
    """A moment as ISO 8601."""

    type: Literal["TimestampToISOFormat"]

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        if not isinstance(value, datetime):
            raise self.refuse(value, "a timestamp")
        return value.isoformat()


class ConvertDictionaryToJSON(Operation):
    """Values by name as JSON."""

    type: Literal["ConvertDictionaryToJSON"]

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        if not isinstance(value, Mapping):
            raise self.refuse(value, "a dictionary")
        try:
            return json.dumps(value)
        except (TypeError, ValueError) as error:
            raise InvalidRequest("ConvertDictionaryToJSON was given something that JSON cannot hold.") from error
