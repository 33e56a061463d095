"""The checker of ``bench.chaos`` on forged histories: a good one passes, each broken promise is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.chaos.checker import check, takeovers
from bench.chaos.history import Event

Forge = Callable[[list[Event]], None]


def accepted(at: float, job: str, kind: str = "polled", key: str = "", hook: str = "") -> Event:
    return Event(at, "accepted", job, {"op": job, "kind": kind, "key": key, "hook": hook, "events": []})


def state(at: float, job: str, name: str, since: float | None = None, **data: Any) -> Event:
    defaults = {"code": "", "outputs": int(name == "succeeded"), "right": True}
    return Event(at, "state", job, {"state": name, "since": at if since is None else since, **defaults, **data})


def story(job: str, *events: tuple[float, str, dict[str, Any]]) -> Event:
    return Event(90, "story", job, {"events": [list(event) for event in events]})


def ended(job: str, name: str) -> Event:
    return story(job, (1.0, "started", {"worker": "w1"}), (2.0, "finished", {"state": name}))


def hook(at: float, job: str, event: str, status: int = 200, webhook_id: str = "") -> Event:
    data = {"id": webhook_id or f"msg_{job}_{event}", "event": event, "receiver": "good", "status": status}
    return Event(at, "hook", job, data)


def batch_end(state: str, *seen: list[Any]) -> Event:
    return Event(80, "batch_end", "m", {"state": state, "seen": list(seen)})


def good() -> list[Event]:
    """A job with a webhook, a canceled job and one with a key, as they should go."""
    return [
        accepted(1, "a", hook="failing"),
        state(1.5, "a", "running"),
        state(2, "a", "succeeded"),
        hook(3, "a", "succeeded", status=500),
        hook(4, "a", "succeeded"),
        accepted(1, "b", kind="cancel"),
        Event(2, "cancel", "b", {"status": 200, "state": "canceled"}),
        state(2.1, "b", "running", since=1.9),  # asked for before the cancel was confirmed
        state(3, "b", "canceled"),
        Event(4, "result", "b", {"status": 409}),
        accepted(1, "c", kind="twins", key="k"),
        accepted(1, "c", kind="twins", key="k"),
        state(5, "c", "succeeded"),
        Event(6, "listed", "c", {"op": "c", "kind": "twins", "key": "k"}),
        accepted(1, "p", kind="poison"),
        state(9, "p", "failed", code="poisoned"),
        Event(5, "batch", "m", {"op": "m", "colours": ["red", "blue"]}),
        batch_end("succeeded", [1, "blue"], [0, "red"]),
        Event(10, "answer", "", {"op": "s", "status": 200, "code": "", "right": True}),
        Event(11, "recovered", "", {"fault": "worker_kill", "seconds": 8.5}),
        Event(80, "roll", "", {"worker": "w1", "jobs": 3, "ready": True}),
        Event(95, "left", "", {"where": "bytes", "count": 0}),
        *(ended("a", "succeeded"), ended("b", "canceled"), ended("c", "succeeded"), ended("p", "failed")),
    ]


def without(what: str, job: str) -> Forge:
    """Take those events of the job out."""

    def forge(events: list[Event]) -> None:
        events[:] = [event for event in events if (event.what, event.job) != (what, job)]

    return forge


def adding(*more: Event) -> Forge:
    """Append."""
    return lambda events: events.extend(more)


def instead(event: Event) -> Forge:
    """In place of what the history has of that kind and job."""

    def forge(events: list[Event]) -> None:
        without(event.what, event.job)(events)
        events.append(event)

    return forge


FORGERIES: dict[str, tuple[str, Forge]] = {
    "never over": ("lost", instead(state(2, "a", "running"))),
    "never seen": ("lost", without("state", "c")),
    "not known any more": ("lost", adding(Event(7, "gone", "a", {"since": 6.9}))),
    "accepted, its answer lost, and never over": (
        "lost",
        adding(Event(8, "listed", "x", {"op": "x", "kind": "", "key": ""})),
    ),
    "no end in its story": ("lost", instead(story("c", (1.0, "started", {"worker": "w1"})))),
    "two ends observed": ("double", adding(state(8, "a", "failed", code="poisoned"))),
    "two ends in its story": ("double", adding(story("c", (1, "finished", {}), (2, "finished", {})))),
    "a webhook tells another end": ("double", adding(hook(9, "a", "expired"))),
    "taken back": ("reverted", adding(state(9, "a", "queued"))),
    "canceled, and succeeded": ("result_of_canceled", adding(state(5, "b", "succeeded"))),
    "canceled, with outputs": ("result_of_canceled", adding(state(5, "b", "canceled", outputs=1))),
    "canceled, with a result": ("result_of_canceled", adding(Event(5, "result", "b", {"status": 200}))),
    "canceled, and told that it succeeded": ("result_of_canceled", adding(hook(5, "b", "succeeded"))),
    "another picture's result": ("wrong", adding(state(5, "a", "succeeded", right=False))),
    "failed for no reason": ("wrong", instead(state(5, "c", "failed", code="inference_failed"))),
    "canceled by nobody": ("wrong", instead(state(5, "c", "canceled"))),
    "expired too early": ("wrong", instead(state(5, "c", "expired"))),
    "the poison succeeded": ("wrong", instead(state(9, "p", "succeeded"))),
    "another picture's answer": ("wrong", adding(Event(9, "answer", "", {"op": "t", "status": 200, "right": False}))),
    "two jobs, as the clients saw it": ("two_jobs", adding(accepted(2, "a", key="k"))),
    "two jobs, as the list has it": ("two_jobs", adding(Event(6, "listed", "a", {"op": "", "kind": "", "key": "k"}))),
    "the key's other body": ("two_jobs", adding(accepted(7, "c", kind="twins-other", key="k"))),
    "nobody was told": ("webhook_lost", without("hook", "a")),
    "told, but nobody listened": ("webhook_lost", instead(hook(3, "a", "succeeded", status=500))),
    "two webhook ids": ("webhook_two_ids", adding(hook(9, "a", "succeeded", webhook_id="msg_2"))),
    "slow": ("slow_recovery", adding(Event(30, "recovered", "", {"fault": "x", "seconds": 15.1}))),
    "never": ("slow_recovery", adding(Event(60, "recovered", "", {"fault": "x", "seconds": None}))),
    "takes no work": ("idle_worker", adding(Event(80, "roll", "", {"worker": "w2", "jobs": 0, "ready": True}))),
    "never back": ("idle_worker", adding(Event(80, "roll", "", {"worker": "w2", "jobs": 0, "ready": False}))),
    "a batch is not over": ("lost", instead(batch_end("running", [1, "blue"], [0, "red"]))),
    "a batch lacks a result": ("lost", instead(batch_end("succeeded", [1, "blue"]))),
    "a batch has one twice": ("double", instead(batch_end("succeeded", [1, "blue"], [0, "red"], [0, "red"]))),
    "a batch mixes its answers up": ("wrong", instead(batch_end("succeeded", [1, "red"], [0, "red"]))),
    "a batch's picture failed": ("wrong", instead(batch_end("succeeded", [1, "blue"], [0, None]))),
    "nobody looked at a batch": ("lost", without("batch_end", "m")),
    "hangs": ("hung", adding(Event(50, "hung", "", {"op": "h", "path": "GET /"}))),
    "dies of itself": ("died", adding(Event(50, "exit", "", {"name": "worker-1", "code": 0}))),
    "left in a queue": ("leftover", adding(Event(96, "left", "", {"where": "vf:q:any:live:m", "count": 1}))),
    "bytes off": ("leftover", adding(Event(96, "left", "", {"where": "bytes", "count": -5}))),
}


def test_a_good_history_passes() -> None:
    assert check(good()) == []


@pytest.mark.parametrize("name", FORGERIES)
def test_each_broken_promise_is_caught(name: str) -> None:
    rule, forge = FORGERIES[name]
    events = good()
    forge(events)
    assert rule in {violation.rule for violation in check(events)}


def lost_worker(at: float) -> Event:
    return Event(at, "lost_worker", "", {"worker": "w1", "why": "killed"})


def taken_over(at: float) -> Event:
    starts = [(1.0, "started", {"worker": "w1"}), (at, "started", {"worker": "w2"})]
    return story("c", *starts, (at + 1, "finished", {"state": "succeeded"}))


def test_a_takeover_is_timed_from_the_loss_of_the_worker() -> None:
    events = [*good(), lost_worker(2.0), taken_over(10.0)]
    assert takeovers(events) == [("c", 8.0)]
    assert check(events) == []


def test_a_late_takeover_is_caught() -> None:
    violations = check([*good(), lost_worker(2.0), taken_over(17.5)])
    assert [violation.rule for violation in violations] == ["slow_recovery"]


def test_a_takeover_waits_while_redis_is_away() -> None:
    healed = Event(10.0, "fault", "", {"name": "redis_kill", "target": "redis", "phase": "healed"})
    assert takeovers([lost_worker(2.0), healed, taken_over(17.5)]) == [("c", 7.5)]
