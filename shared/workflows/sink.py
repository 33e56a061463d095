"""What sinks share: they can be switched off, wait between effects, and act once only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import structlog

from shared.errors import VisionfleetError
from shared.workflows import kinds
from shared.workflows.block import COOLDOWN, Block, Restriction

log = structlog.get_logger(__name__)

DISABLED = "Sinks are disabled for this run."
COOLING = "The sink is in its cooldown."
COOLDOWNS = "sink cooldowns"


class Sink(Block):
    """A block that acts on the world. Call ``deliver`` with the effect; its answer is the step's."""

    category = "sink"
    sink = True
    outputs = {"error_status": (kinds.BOOLEAN,), "message": (kinds.STRING,)}

    _last: float | None = None

    def deliver(
        self,
        effect: Callable[[], str],
        *,
        disabled: bool = False,
        cooldown_s: float = 0.0,
        cooldown_key: str = "",
        in_background: bool = False,
    ) -> dict[str, Any]:
        """Run ``effect``, which answers with a message or raises, unless the sink is disabled or cooling down.

        Sinks with the same ``cooldown_key`` wait together. In the background success is assumed. A VisionfleetError's
        message reaches the user; of any other error only its type does.
        """
        if disabled or self.services.disable_sinks:
            return self.answer(message=DISABLED)
        if not self._ready(cooldown_s, cooldown_key):
            return self.answer(throttled=True, message=COOLING)
        self.services.fire()
        if in_background:
            self.services.background(partial(self._attempt, effect))
            return self.answer(message="Sent in the background.")
        return self._attempt(effect)

    def answer(self, *, error: bool = False, throttled: bool = False, message: str = "") -> dict[str, Any]:
        """The outputs."""
        head = {"error_status": error, "message": message}
        return {**head, "throttling_status": throttled} if "throttling_status" in self.outputs else head

    def _ready(self, cooldown_s: float, key: str) -> bool:
        shared = (COOLDOWNS, key)
        with self.services.lock:
            now = self.services.monotonic()
            last = self.services.memory.get(shared) if key else self._last
            if last is not None and now - last < cooldown_s:
                return False
            if key:
                self.services.memory[shared] = now
            else:
                self._last = now
            return True

    def _attempt(self, effect: Callable[[], str]) -> dict[str, Any]:
        try:
            return self.answer(message=effect())
        except VisionfleetError as error:
            message = error.message
        except Exception as error:  # noqa: BLE001 - a sink reports its failure, it does not end the run
            message = f"The sink failed: {type(error).__name__}."
        log.warning("workflow_sink.failed", step=self.step, error=message)
        return self.answer(error=True, message=message)


class ThrottledSink(Sink):
    """A sink with a cooldown, which tells when it was throttled."""

    outputs = {**Sink.outputs, "throttling_status": (kinds.BOOLEAN,)}
    stateful = True
    restrictions: ClassVar[tuple[Restriction, ...]] = (COOLDOWN,)
