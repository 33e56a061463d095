"""The history of a run -> the promises that were broken. Pure: it asks nobody and trusts only what was noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from bench.chaos.history import Event, by_job, of

TERMINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
WITHIN_S = 15.0
"""docs/guarantees.md: a lost worker's jobs run elsewhere, and work goes on after a fault, within this time."""
LOSES = frozenset({"worker_kill", "clock_skew", "poison"})
EVERYBODY = frozenset({"redis_restart", "redis_kill", "connections_drop"})


class Violation(NamedTuple):
    """A broken promise and what shows it."""

    rule: str
    what: str


def check(events: Sequence[Event]) -> list[Violation]:
    """Every violation in the history."""
    jobs = by_job(events)
    found = [violation for rule in OF_ONE_JOB for job, own in jobs.items() for violation in rule(job, own)]
    return found + [violation for rule in OF_THE_RUN for violation in rule(events)]


def lost(job: str, own: Sequence[Event]) -> list[Violation]:
    """An accepted job has no terminal state in the end, or the server does not know it any more."""
    found = [Violation("lost", f"{job}: the server does not know it")] if of(own, "gone") else []
    if of(own, "accepted", "listed") and not _terminal(own):
        found.append(Violation("lost", f"{job}: {_last_state(own)} in the end"))
    return found


def double(job: str, own: Sequence[Event]) -> list[Violation]:
    """Two terminal states, be it as observed, as told by a webhook or in the job's own story."""
    told = {event.data["event"] for event in of(own, "hook")} & TERMINAL
    seen = _terminal(own) | told
    found = [Violation("double", f"{job}: {' and '.join(sorted(seen))}")] if len(seen) > 1 else []
    for story in of(own, "story"):
        ends = [name for _, name, _ in story.data["events"]].count("finished")
        if ends != 1:
            found.append(Violation("double" if ends else "lost", f"{job}: finished {ends} times by its story"))
    return found


def reverted(job: str, own: Sequence[Event]) -> list[Violation]:
    """Over, and at a later look not over: a terminal state was taken back."""
    over_at: float | None = None
    for event in of(own, "state"):
        if event.data["state"] in TERMINAL:
            over_at = event.at if over_at is None else over_at
        elif over_at is not None and event.data["since"] > over_at:
            return [Violation("reverted", f"{job}: {event.data['state']} at {event.at} s, over since {over_at} s")]
    return []


def result_of_canceled(job: str, own: Sequence[Event]) -> list[Violation]:
    """A cancel was confirmed, and still there is a result."""
    confirmed = [event for event in of(own, "cancel") if event.data["status"] == 200]
    if not confirmed:
        return []
    outputs = [
        e for e in of(own, "state") if e.at > confirmed[0].at and (e.data["outputs"] or e.data["state"] != "canceled")
    ]
    answered = [event for event in of(own, "result") if event.data["status"] == 200]
    told = [event for event in of(own, "hook") if event.data["event"] == "succeeded"]
    late = [event for event in outputs if event.data["since"] > confirmed[0].at]
    if late or answered or told:
        return [Violation("result_of_canceled", f"{job}: canceled at {confirmed[0].at} s, and a result was seen")]
    return []


def wrong(job: str, own: Sequence[Event]) -> list[Violation]:
    """A result that is not this picture's, or an end that nothing called for."""
    kinds = {event.data["kind"] for event in of(own, "accepted", "listed")}
    for event in of(own, "state"):
        state, code = event.data["state"], event.data["code"]
        if not event.data["right"]:
            return [Violation("wrong", f"{job}: the answer is another picture's")]
        called_for = (state == "canceled" and "cancel" in kinds) or (state == "failed" and code == "poisoned")
        if state in TERMINAL - {"succeeded"} and not called_for:
            return [Violation("wrong", f"{job}: {state} {code}")]
        if state == "succeeded" and "poison" in kinds:
            return [Violation("wrong", f"{job}: it hangs every worker and cannot have succeeded")]
    return []


def webhook_lost(job: str, own: Sequence[Event]) -> list[Violation]:
    """An event that the job's webhook asked for, and that no receiver accepted in the end."""
    hooked = [event for event in of(own, "accepted") if event.data["hook"]]
    stories = of(own, "story")
    if not hooked or not stories:
        return []
    wanted = set(hooked[0].data["events"]) or TERMINAL
    story = [data.get("state") if name == "finished" else name for _, name, data in stories[-1].data["events"]]
    heard = {event.data["event"] for event in of(own, "hook") if event.data["status"] == 200}
    missing = (set(story) & wanted) - heard
    return [Violation("webhook_lost", f"{job}: nobody was told that it {name}") for name in sorted(map(str, missing))]


def webhook_two_ids(job: str, own: Sequence[Event]) -> list[Violation]:
    """One event under two webhook ids."""
    ids: dict[str, set[str]] = {}
    for event in of(own, "hook"):
        ids.setdefault(event.data["event"], set()).add(event.data["id"])
    return [
        Violation("webhook_two_ids", f"{job}: {name} as {len(own)} ids") for name, own in ids.items() if len(own) > 1
    ]


def batch(job: str, own: Sequence[Event]) -> list[Violation]:
    """A batch that did not end well, or whose results are not one for each picture."""
    wanted = [colour for event in of(own, "batch") for colour in event.data["colours"]]
    found: list[Violation] = []
    for end in of(own, "batch_end"):
        seen = dict(end.data["seen"])
        if end.data["state"] != "succeeded":
            found.append(Violation("lost", f"batch {job}: {end.data['state']} in the end"))
        if len(seen) != len(wanted):
            found.append(Violation("lost", f"batch {job}: results of {len(seen)} of {len(wanted)} pictures"))
        if len(seen) != len(end.data["seen"]):
            found.append(Violation("double", f"batch {job}: two results of one picture"))
        if any(colour != wanted[index] for index, colour in seen.items()):
            found.append(Violation("wrong", f"batch {job}: an answer is another picture's"))
    if wanted and not of(own, "batch_end"):
        found.append(Violation("lost", f"batch {job}: never looked at"))
    return found


def two_jobs(events: Sequence[Event]) -> list[Violation]:
    """One idempotency key, two jobs."""
    jobs: dict[str, set[str]] = {}
    for event in of(events, "accepted", "listed"):
        if event.data["key"]:
            jobs.setdefault(event.data["key"], set()).add(event.job)
    return [Violation("two_jobs", f"key {key}: {len(found)} jobs") for key, found in jobs.items() if len(found) > 1]


def other_body(events: Sequence[Event]) -> list[Violation]:
    """The same key with another body was accepted."""
    accepted = [event for event in of(events, "accepted") if event.data["kind"] == "twins-other"]
    return [Violation("two_jobs", f"{event.job}: accepted for another body of its key") for event in accepted]


def wrong_answers(events: Sequence[Event]) -> list[Violation]:
    """A synchronous answer that is another picture's."""
    return [
        Violation("wrong", f"synchronous request {event.data['op']}: the answer is another picture's")
        for event in of(events, "answer")
        if not event.data["right"]
    ]


def hung(events: Sequence[Event]) -> list[Violation]:
    """A request that got neither an answer nor a broken connection."""
    return [Violation("hung", f"{event.data['path']} at {event.at} s") for event in of(events, "hung")]


def slow_recovery(events: Sequence[Event]) -> list[Violation]:
    """The next job after a fault took too long, or never ended."""
    return [
        Violation("slow_recovery", f"{event.data['fault']}: {event.data['seconds']} s, at {event.at} s")
        for event in of(events, "recovered")
        if event.data["seconds"] is None or event.data["seconds"] > WITHIN_S
    ]


def slow_takeover(events: Sequence[Event]) -> list[Violation]:
    """Another worker began too late with what a lost one had taken."""
    return [
        Violation("slow_recovery", f"{job}: taken over {seconds:.1f} s after its worker was lost")
        for job, seconds in takeovers(events)
        if seconds > WITHIN_S
    ]


def takeovers(events: Sequence[Event]) -> list[tuple[str, float]]:
    """Seconds from the loss of a job's worker to the job's next attempt; while Redis was away does not count."""
    losses: dict[str, list[float]] = {}
    for event in of(events, "lost_worker"):
        losses.setdefault(event.data["worker"], []).append(event.at)
    healed = [e.at for e in of(events, "fault") if e.data["name"] in EVERYBODY and e.data["phase"] == "healed"]
    found: list[tuple[str, float]] = []
    for story in of(events, "story"):
        starts = [(at, data["worker"]) for at, name, data in story.data["events"] if name == "started"]
        for (first, worker), (second, _) in pairwise(starts):
            lost_at = [at for at in losses.get(worker, []) if first - 0.5 <= at <= second]
            if lost_at:
                since = max([lost_at[0], *(at for at in healed if lost_at[0] <= at <= second)])
                found.append((story.job, second - since))
    return found


def died(events: Sequence[Event]) -> list[Violation]:
    """A process ended although nobody had killed it."""
    return [Violation("died", f"{e.data['name']} at {e.at} s, status {e.data['code']}") for e in of(events, "exit")]


def idle_worker(events: Sequence[Event]) -> list[Violation]:
    """A worker that answers but takes no work, or that never came back."""
    calls = of(events, "roll")
    return [
        Violation("idle_worker", f"{e.data['worker']}: {'ready, but ran nothing' if e.data['ready'] else 'not back'}")
        for e in calls
        if not e.data["jobs"] or not e.data["ready"]
    ]


def leftovers(events: Sequence[Event]) -> list[Violation]:
    """Queues, byte counters and outbox are empty when everything is over."""
    return [
        Violation("leftover", f"{event.data['where']}: {event.data['count']}")
        for event in of(events, "left")
        if event.data["count"]
    ]


def _terminal(own: Sequence[Event]) -> set[str]:
    """Terminal states that were observed."""
    return {event.data["state"] for event in of(own, "state", "cancel") if event.data["state"] in TERMINAL}


def _last_state(own: Sequence[Event]) -> str:
    states = of(own, "state")
    return str(states[-1].data["state"]) if states else "never seen"


OF_ONE_JOB: tuple[Callable[[str, Sequence[Event]], list[Violation]], ...] = (
    *(lost, double, reverted, result_of_canceled, wrong, webhook_lost, webhook_two_ids, batch),
)
OF_THE_RUN: tuple[Callable[[Sequence[Event]], list[Violation]], ...] = (
    *(two_jobs, other_body, wrong_answers, hung, slow_recovery, slow_takeover, died, idle_worker, leftovers),
)
