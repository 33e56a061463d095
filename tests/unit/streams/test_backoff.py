"""Waiting before a source is opened again: longer each time, never all at once, and anew after calm."""

from __future__ import annotations

from shared.errors import SourceUnauthorized, SourceUnreachable
from stream_service.backoff import CALM_S, SLOW_S, Backoff

GONE = SourceUnreachable("gone")
MANY = 200


def test_it_doubles_up_to_its_limit_and_each_delay_is_drawn() -> None:
    drawn = [[one.after(GONE, 0.0) for _ in range(8)] for one in (Backoff(0.5, 30.0) for _ in range(MANY))]
    for step, full in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
        delays = [row[step] for row in drawn]
        assert full / 2 <= min(delays) < full * 0.6
        assert full * 0.9 < max(delays) <= full


def test_it_begins_anew_after_a_calm_connection_only() -> None:
    backoff = Backoff(0.5, 30.0)
    for _ in range(5):
        backoff.after(GONE, 0.0)
    assert backoff.after(GONE, CALM_S - 1) >= 8
    assert backoff.after(GONE, CALM_S) <= 0.5


def test_a_wrong_password_is_tried_slowly_at_once() -> None:
    assert Backoff(0.5, 30.0).after(SourceUnauthorized("no"), 0.0) >= SLOW_S / 2
    assert Backoff(0.5, 2.0).after(SourceUnauthorized("no"), 0.0) <= 2
