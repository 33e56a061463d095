"""What a block may use beside its inputs: models, the session's memory, and leave to act on the world."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from shared.redis import SyncRedis
from shared.workflows.models import ModelExecutor, NoModels
from shared.workflows.settings import WorkflowSettings


def nothing() -> None:
    """For runs that nobody would repeat."""


def inline(work: Callable[[], Any]) -> None:
    """Run background work at once."""
    work()


@dataclass
class Services:
    """One per session.

    Attributes:
        models: runs model steps.
        settings: what blocks may do here: write files, read the environment, call private addresses.
        disable_sinks: sinks do nothing and say so.
        fire: called before a side effect; from then on the run is never repeated. Raises when it may not happen.
        background: runs fire-and-forget work; it is done, or has failed, when the session closes.
        memory: values that steps of one session share, by (namespace, key); guarded by ``lock``.
        redis: where allowances are counted for all workers together; None counts them in the session.
        now: the time of day, in UTC; monotonic: seconds for cooldowns. Tests put their own here.
    """

    models: ModelExecutor = field(default_factory=NoModels)
    settings: WorkflowSettings = field(default_factory=WorkflowSettings)
    disable_sinks: bool = False
    fire: Callable[[], None] = nothing
    background: Callable[[Callable[[], Any]], None] = inline
    memory: dict[tuple[str, str], Any] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    redis: SyncRedis | None = None
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    monotonic: Callable[[], float] = time.monotonic
    api_key: str | None = None
