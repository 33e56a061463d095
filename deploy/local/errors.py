"""The one error of the launcher."""

from __future__ import annotations


class CannotStart(Exception):
    """Something on this machine is in the way; the message is one line that says what to do."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log
