"""Remember the last values."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import override

from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.fields import Selector, StepFields


class Buffer(Block):
    """The newest is first."""

    ids = ("roboflow_core/buffer@v1", "Buffer")
    label = "Buffer"
    summary = "Remember the last values."
    category = "fusion"
    outputs = {"output": (kinds.LIST,)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """With ``pad`` the list always has ``length`` places, the last of them empty at first."""

        data: Annotated[str, Selector(kinds.ANY, kinds.LIST, kinds.IMAGE)]
        length: int = Field(gt=0, le=10_000)
        pad: bool = False

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._values: deque[Any] = deque()

    def run(self, data: Any, length: int, pad: bool) -> dict[str, Any]:
        """The values, the newest first."""
        with self.services.lock:
            self._values.appendleft(data)
            while len(self._values) > length:
                self._values.pop()
            values = list(self._values)
        return {"output": values + [None] * (length - len(values)) if pad else values}
