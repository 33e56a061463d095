"""Files whose age tells a health check whether a service works, where answering a ping would tell nothing."""

from __future__ import annotations

from pathlib import Path

ALIVE = "alive"
"""The loops turn; whoever sees it grow old may restart the service. An outage of Redis does not stop it."""
READY = "ready"
"""The loops turn and get their work done: Redis answers, models are loaded."""


class Pulse:
    """``beat`` it from where the work is done; without a folder it does nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def beat(self, *names: str) -> None:
        """Touch these files. Raises OSError when the folder cannot be written."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                (self._folder / name).touch()
