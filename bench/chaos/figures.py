"""The history of a run -> the counts that are reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench import report
from bench.chaos.checker import Violation, takeovers
from bench.chaos.history import Event, by_job, of

NO_FIGURE = "-"


def jobs(events: Sequence[Event]) -> list[report.Row]:
    """One row per kind of client: how many of its jobs were accepted, and how they ended."""
    rows: dict[str, Counter[str]] = {}
    for own in by_job(events).values():
        told = of(own, "accepted", "listed")
        if told:
            row = rows.setdefault(told[0].data["kind"], Counter())
            row["accepted"] += 1
            row[_end(own)] += 1
            row["ran again"] += _attempts(own) > 1
    answers = Counter("succeeded" if e.data["status"] == 200 else "told no" for e in of(events, "answer"))
    answers["told no"] += sum(event.data["kind"] == "sync" for event in of(events, "unknown"))
    rows["sync"] = Counter(accepted=sum(answers.values())) + answers
    rows["batch"] = Counter(event.data["state"] for event in of(events, "batch_end"))
    rows["batch"]["accepted"] = len(of(events, "batch"))
    columns = ("accepted", "succeeded", "canceled", "failed", "poisoned", "told no", "ran again")
    return [{"jobs": kind, **{name: rows[kind][name] for name in columns}} for kind in sorted(rows)]


def faults(events: Sequence[Event]) -> list[report.Row]:
    """One row per fault: how often, and how long until the next job was done."""
    rows: list[report.Row] = []
    begun = [event for event in of(events, "fault") if event.data["phase"] == "begun"]
    recovered = of(events, "recovered")
    for name, count in sorted(Counter(event.data["name"] for event in begun).items()):
        seconds = sorted(
            e.data["seconds"] for e in recovered if name in e.data["fault"].split("+") and e.data["seconds"]
        )
        rows.append({"fault": name, "times": count, **spread(seconds)})
    everything = sorted(event.data["seconds"] for event in recovered if event.data["seconds"])
    rows.append({"fault": "all", "times": len(begun), **spread(everything)})
    taken = sorted(seconds for _, seconds in takeovers(events))
    rows.append({"fault": "jobs taken over", "times": len(taken), **spread(taken)})
    return rows


def promises(events: Sequence[Event], violations: Sequence[Violation]) -> list[report.Row]:
    """One row per promise with the number of times that it was put to the test, and that it was broken."""
    broken = Counter(violation.rule for violation in violations)
    owned = by_job(events)
    tried = {
        "lost": sum(1 for own in owned.values() if of(own, "accepted", "listed")),
        "double": len(of(events, "story")),
        "reverted": len(of(events, "state")),
        "result_of_canceled": sum(event.data["status"] == 200 for event in of(events, "cancel")),
        "wrong": sum(e.data["state"] == "succeeded" for e in of(events, "state")) + len(of(events, "answer")),
        "two_jobs": len({event.data["key"] for event in of(events, "submit") if event.data["key"]}),
        "webhook_lost": len({(e.job, e.data["event"]) for e in of(events, "hook")}),
        "webhook_two_ids": len(of(events, "hook")),
        "slow_recovery": len(of(events, "recovered")) + len(takeovers(events)),
        "died": len({event.data["target"] for event in of(events, "fault")}),
        "idle_worker": len(of(events, "roll")),
        "hung": len(of(events, "submit", "answer", "state", "cancel")),
        "leftover": len(of(events, "left")),
    }
    return [{"promise": name, "tried": count, "broken": broken[name]} for name, count in tried.items()]


def spread(sorted_seconds: Sequence[float]) -> report.Row:
    """p50, p99 and the longest."""
    if not sorted_seconds:
        return dict.fromkeys(("p50 s", "p99 s", "max s"), NO_FIGURE)
    return {
        "p50 s": report.quantile(sorted_seconds, 0.5),
        "p99 s": report.quantile(sorted_seconds, 0.99),
        "max s": sorted_seconds[-1],
    }


def _end(own: Sequence[Event]) -> str:
    states = of(own, "state")
    if not states:
        return "unseen"
    return "poisoned" if states[-1].data["code"] == "poisoned" else str(states[-1].data["state"])


def _attempts(own: Sequence[Event]) -> int:
    stories = of(own, "story")
    return sum(name == "started" for _, name, _ in stories[-1].data["events"]) if stories else 0
