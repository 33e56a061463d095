"""A run of many steps: images of its model join it on the way, and each is answered as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from worker_service.consumer.work import Item, clock_ms
from worker_service.engine.family import Prepared, Raw, Steps

log = structlog.get_logger()


@dataclass
class Share:
    """One item of the run: from when to when by ``clock_ms``, how much of its time in ms, with how many at most."""

    item: Item
    began: float
    busy: float = 0.0
    most: int = 1
    ended: float = 0.0


Done = Callable[[Share, Raw], object]


def follow(steps: Steps, batch: Sequence[Item], more: Callable[[int], Sequence[Item]], done: Done) -> list[Item]:
    """Run to the end of all items; those that failed are answered, and wait to be run alone.

    Args:
        steps: a run without items.
        batch: what it begins with.
        more: further items, told how many are in the run.
        done: called for each item with its share and what came out.
    """
    going: dict[int, Share] = {}
    failed: list[Item] = []
    joining = batch
    while joining or going:
        begun = clock_ms()
        try:
            if joining:
                going |= _joined(steps, joining, begun, failed)
            ended = steps.step() if going else []
        except Exception:
            log.exception("steps.failed", size=len(going))
            return [*failed, *(share.item for share in going.values())]
        _charge(going, clock_ms() - begun)
        for prepared, raw in ended:
            done(going.pop(id(prepared)), raw)
        joining = more(len(going)) if going else ()
    return failed


def _joined(steps: Steps, items: Sequence[Item], begun: float, failed: list[Item]) -> dict[int, Share]:
    """The shares of items that were taken up; what cannot be is left to ``failed`` and does not end the others' run."""
    prepared: list[Prepared] = [item.prepared for item in items if item.prepared is not None]
    try:
        steps.add(prepared)
    except Exception:
        log.exception("steps.refused", size=len(items))
        failed += items
        return {}
    return {id(item.prepared): Share(item, begun) for item in items}


def _charge(going: dict[int, Share], spent: float) -> None:
    for share in going.values():
        share.busy += spent / len(going)
        share.most, share.ended = max(share.most, len(going)), clock_ms()
