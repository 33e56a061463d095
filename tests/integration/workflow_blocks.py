"""A plug-in with blocks for tests: one that takes its time, one that says which process it is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields


class Wait(Block):
    """Waits for ``seconds`` once ``value`` is there; ``mark`` is a file that it makes when it begins."""

    ids = ("test/wait@v1",)
    label = "Wait"
    summary = "Wait."
    category = "transformation"
    outputs = {"output": (kinds.ANY,)}

    class Fields(StepFields):
        value: AnyRef | str = ""
        seconds: float = 0.0
        mark: AnyRef | str = ""

    def run(self, value: Any, seconds: float, mark: str) -> dict[str, Any]:
        if mark:
            Path(mark).touch()
        time.sleep(seconds)
        return {"output": os.getpid()}
