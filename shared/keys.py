"""Every Redis key of Visionfleet: type, owner, lifetime. No other file builds a key.

vf:q:{hardware}:{lane}:{model}   stream. Waiting and running jobs; consumer group ``workers``.
                                 Written by submit, take and settle; lives on, empty, once made.
vf:queues                        set of the keys of all job streams. Written by submit; lives forever.
vf:bytes                         hash, stream key -> bytes of its jobs, ``all`` -> their sum. Written by submit and
                                 settle, mended by survey; lives forever.
vf:job:{id}                      hash, the record of an asynchronous job: state, times, result. Written by submit, admit
                                 and settle; lives for the job's timeout, then for the result TTL after its end.
vf:job:{id}:watchers             set of the reply streams to tell when the job ends. Written by watch; lives until then,
                                 at most 2 minutes after the last watch.
vf:reply:{replica}               stream of the answers for one API process. Written by settle, trimmed by its reader;
                                 lives 2 minutes after the last answer.
vf:dead                          stream of dead letters, jobs that lost max_attempts workers. Written by takeover;
                                 capped by length.
vf:workers                       zset, worker id -> time of its last heartbeat in ms. Written and pruned by workers.
vf:worker:{id}                   string, msgpack of WorkerInfo. Written by that worker; lives 10 s after its last beat.
vf:catalog:{hardware}            hash, model id -> msgpack of ModelInfo. Written by workers; lives 60 s after
                                 the last beat.
vf:active                        hash, model id -> ms when it was added or loaded. Written by API and workers; lives
                                 until the model is removed.
vf:removed                       hash, model id -> ms when its removal was asked for. Written by the API; lives until
                                 the model is added again.
vf:adopt:{hardware}:{model}      string, id of the worker that is loading a model nobody holds. Lives 30 s.
"""

from __future__ import annotations

from collections.abc import Iterable

QUEUES = "vf:queues"
BYTES = "vf:bytes"
DEAD = "vf:dead"
WORKERS = "vf:workers"
ACTIVE = "vf:active"
REMOVED = "vf:removed"
GROUP = "workers"

HARDWARE_TAGS = ("cpu", "gpu", "jetson")
ANY_HARDWARE = "any"
LANES = ("live", "normal", "bulk")


def queue(hardware: str, lane: str, model: str) -> str:
    """Job stream of one (hardware, lane, model)."""
    return f"vf:q:{hardware}:{lane}:{model}"


def parse_queue(key: str) -> tuple[str, str, str]:
    """Hardware, lane and model of a job stream's key. Raises ValueError when it is none."""
    parts = key.split(":", 4)
    if len(parts) != 5 or parts[:2] != ["vf", "q"]:
        raise ValueError(f"not the key of a job stream: {key!r}")
    return parts[2], parts[3], parts[4]


def queues_in(members: Iterable[bytes]) -> list[str]:
    """The keys of job streams among the members of ``vf:queues``, sorted; whatever else is in there is left out."""
    names = (member.decode(errors="replace") for member in members)
    return sorted(name for name in names if name.startswith("vf:q:") and name.count(":") >= 4)


def job(job_id: str) -> str:
    """Record of one asynchronous job."""
    return f"vf:job:{job_id}"


def watchers(job_id: str) -> str:
    """Reply streams that want to hear of the job's end."""
    return f"vf:job:{job_id}:watchers"


def reply(replica: str) -> str:
    """Reply stream of one API process."""
    return f"vf:reply:{replica}"


def worker(worker_id: str) -> str:
    """Heartbeat record of one worker."""
    return f"vf:worker:{worker_id}"


def catalog(hardware: str) -> str:
    """Models that the workers with this hardware tag can serve."""
    return f"vf:catalog:{hardware}"


def adopt(hardware: str, model: str) -> str:
    """Claim of the one worker that is loading a model nobody holds."""
    return f"vf:adopt:{hardware}:{model}"
