"""Logits to the scores that a token is chosen by. Every function takes [vocabulary] float32 and answers the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from worker_service.engine.generation.options import Ask

Scores = npt.NDArray[np.float32]
NEVER = np.float32(-np.inf)


def log_softmax(logits: Scores) -> Scores:
    """The logarithm of the softmax."""
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), np.float32)


def processed(scores: Scores, ids: Sequence[int], new: int, ask: Ask) -> Scores:
    """The rules of the model, in transformers' order; ``ids`` is the row so far, ``new`` of them were generated."""
    scores = scores.copy()
    if ask.repetition_penalty != 1:
        seen = np.unique(np.asarray(ids, np.int64))
        kept = scores[seen]
        scores[seen] = np.where(kept < 0, kept * ask.repetition_penalty, kept / ask.repetition_penalty)
    if ask.no_repeat:
        scores[_banned(ids, ask.no_repeat)] = NEVER
    if ask.suppressed:
        scores[list(ask.suppressed)] = NEVER
    if ask.forced_first is not None and new == 0:
        scores = _only(scores, ask.forced_first)
    if ask.forced_last is not None and new == ask.max_new_tokens - 1:
        scores = _only(scores, ask.forced_last)
    return scores


def drawn(scores: Scores, ask: Ask, random: np.random.Generator) -> int:
    """A token at random: by temperature, among the ``top_k`` likeliest, within ``top_p`` of the probability."""
    scores = scores / np.float32(ask.temperature)
    if 0 < ask.top_k < len(scores):
        scores = np.where(scores < np.partition(scores, -ask.top_k)[-ask.top_k], NEVER, scores)
    chances = np.exp(log_softmax(scores)).astype(np.float64)
    if ask.top_p < 1:
        order = np.argsort(-chances, kind="stable")
        before = np.cumsum(chances[order]) - chances[order]
        chances[order[before >= ask.top_p]] = 0
    return int(random.choice(len(chances), p=chances / chances.sum()))


def _banned(ids: Sequence[int], size: int) -> list[int]:
    """Tokens that would make a run of ``size`` tokens come again."""
    if len(ids) + 1 < size:
        return []
    last = list(ids[len(ids) - size + 1 :])
    starts = range(len(ids) - size + 1)
    return [ids[at + size - 1] for at in starts if list(ids[at : at + size - 1]) == last]


def _only(scores: Scores, token: int) -> Scores:
    forced = np.full_like(scores, NEVER)
    forced[token] = 0
    return forced
