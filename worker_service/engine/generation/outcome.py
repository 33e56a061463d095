"""A generated text as a family's raw output, between its run and its answer."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from shared.errors import DeadlineExceeded, InferenceFailed
from worker_service.engine.family import Raw
from worker_service.engine.generation.loop import Generated
from worker_service.engine.generation.search import Reason

REASONS: tuple[Reason, ...] = get_args(Reason)
GONE = DeadlineExceeded("Nobody waited for the rest of the text any more: its time was over, or it was canceled.")


def packed(one: Generated) -> Raw:
    """Tokens, the text's bytes, and [tokens, why it ended]."""
    text = np.frombuffer(one.text.encode(), np.uint8)
    return np.array(one.ids, np.int64), text, np.array([len(one.ids), len(text), REASONS.index(one.reason)], np.int64)


def unpacked(raw: Raw) -> Generated:
    """The other way. Raises DeadlineExceeded for a text that was given up, InferenceFailed for no text."""
    ids, text, counts = raw
    if counts.tolist()[:2] != [len(ids), len(text)] or counts.shape != (3,):
        raise InferenceFailed("The model answers no text.")
    reason = REASONS[int(counts[2])]
    if reason == "gone":
        raise GONE
    return Generated(ids.tolist(), text.tobytes().decode(errors="replace"), reason)


def account(one: Generated) -> dict[str, Any]:
    """What the answer says beside the text: how many tokens, and why it ended."""
    return {"tokens": len(one.ids), "finish_reason": one.reason}
