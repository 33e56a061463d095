"""Every Redis key of Visionfleet: type, owner, lifetime. No other file builds a key.

vf:q:{hardware}:{lane}:{model}   stream. Waiting and running jobs; consumer group ``workers``.
                                 Written by submit, take and settle; lives on, empty, once made.
vf:queues                        set of the keys of all job streams. Written by submit; lives forever.
vf:bytes                         hash, stream key -> bytes of its jobs, ``all`` -> their sum. Written by submit and
                                 settle, mended by survey; lives forever.
vf:job:{id}                      hash, the record of an asynchronous job: state, times, place in its stream, result.
                                 Written by submit, admit, progress and settle; lives for the job's timeout, then for
                                 the result TTL after its end.
vf:job:{id}:events               list of msgpack [ms, event, name, value...], the job's story: queued, started,
                                 progress, text, finished. Capped by length; lives as long as the record.
vf:job:{id}:input                string, the job (msgpack) after its end, when its terms ask for that; so that it can be
                                 run again. Written by settle; lives for the input TTL.
vf:job:{id}:watchers             set of the reply streams to tell of the job's events. Written by watch; lives until its
                                 end, at most 2 minutes after the last watch.
vf:jobs                          zset, job id -> ms of acceptance: the list of asynchronous jobs. Written by submit;
                                 capped by length, ids of expired records leave when they are listed.
vf:due                           zset, job id -> ms when it expires unless it has started or ended. Written by submit,
                                 admit and settle, read by sweep.
vf:accepted, vf:served           hashes, stream key -> number of the asynchronous job accepted or given out last; a
                                 waiting job's position is the difference. Written by submit and admit; live forever.
vf:idem:{sha256 of the key}      string, fingerprint of the request and job id. Written by submit; lives for the
                                 idempotency TTL.
vf:webhook:outbox                stream {job, event, now}, one entry per event that a job's webhook asked for:
                                 ``started`` or a terminal state. Written by admit and settle; trimmed by who delivers.
vf:reply:{replica}               stream of the answers for one API process. Written by settle, trimmed by its reader;
                                 lives 2 minutes after the last answer.
vf:dead                          stream of dead letters, jobs that lost max_attempts workers. Written by takeover;
                                 capped by length.
vf:workers                       zset, worker id -> time of its last heartbeat in ms. Written and pruned by workers.
vf:worker:{id}                   string, msgpack of WorkerInfo. Written by that worker; lives 6 s after its last beat.
vf:catalog:{hardware}            hash, model id -> msgpack of ModelInfo. Written by workers; lives 60 s after
                                 the last beat.
vf:speeds:{hardware}             hash, model id -> jobs per second of the worker that served it last, for the backlog of
                                 a pool without workers. Written by workers; lives 30 days after the last beat.
vf:active                        hash, model id -> ms when it was added or loaded. Written by API and workers; lives
                                 until the model is removed.
vf:removed                       hash, model id -> ms when its removal was asked for. Written by the API; lives until
                                 the model is added again.
vf:adopt:{hardware}:{model}      hash, life of a worker -> ms when it began to load the model. Written by workers,
                                 deleted when one has loaded it; lives 10 minutes.
vf:webhook:due                   zset, delivery id -> ms when it is to be sent, or when the lease of its sender ends.
                                 Written by webhook_collect, _claim, _settle, _defer and _replay.
vf:webhook:deliveries            zset, delivery id -> ms when it was made: the ledger's list. Written and pruned by
                                 webhook_collect.
vf:webhook:delivery:{id}         hash, one delivery: job, event, url, state, attempts, body, log. Lives until it has
                                 ended, then for the retention.
vf:webhook:endpoint:{sha1}       string by sha1 of a receiver's URL: ``hold`` while it wants to be left alone, ``gone``
                                 when it answered 410. Written by webhook_settle; lives as long as that holds.
vf:webhook:secrets               hash, secret id -> msgpack, its keys encrypted. Written by the API; lives until
                                 deleted.
vf:batches                       zset, batch id -> ms of acceptance: the list of batches. Written by batch_create; ids
                                 of expired records leave when they are listed.
vf:batches:due:{hardware}        zset, batch id -> ms when a worker must take it up: the end of its splitter's lease.
                                 Written by batch_create, _claim, _step, _release and _end.
vf:batch:{id}                    hash, the record of a batch: state, source, cursor, counts. Lives until it has ended,
                                 then for the result TTL, as do the next three.
vf:batch:{id}:items              hash, index -> name of the item. Written when the batch is made or planned.
vf:batch:{id}:open               set of the indexes that were handed out and have no result yet.
vf:batch:{id}:results            stream {index, state, result}, ids 1-0, 2-0, ...: the results in the order they came.
vf:fetches                       set of the models that are wished for from elsewhere. Written by the API and by whoever
                                 fetches them; ids without a wish leave when they are looked at.
vf:fetch:{model}                 string, ``wanted`` or msgpack of the error that fetching met. Written by the API and by
                                 who fetches; lives an hour as a wish, 30 s as an error.
vf:fetch:{model}:lease           string, who fetches the model. Written by that worker; lives 15 s after its renewal.
vf:streams                       zset, stream id -> ms of its creation: the list of streams. Written by the API; ids
                                 leave when they are terminated or their records expire.
vf:stream:{id}                   hash, one stream: spec, desired, version, owner, epoch, until. Written by the API and,
                                 under the lease, by its owner; lives until it is terminated (then an hour) or has
                                 ended (then stream_ended_ttl_s).
vf:stream:{id}:status            string, msgpack of the owner's last report. Lives as long as the record.
vf:stream:{id}:buffer            list of msgpack results that ``consume`` pops. Written by the owner, capped by length.
vf:stream:{id}:feed              stream {result}, for SSE and WebSocket. Written by the owner while somebody watches,
                                 capped by length; lives 60 s after the last result.
vf:stream:{id}:preview:{source}  string, annotated JPEG. Written by the owner while somebody watches; lives 3 s.
vf:stream:{id}:watch:{what}      string, a client watches ``results`` or ``preview``. Written by the API; lives 10 s.
vf:streams:wake                  stream, something about a stream has changed. Capped at 100; lives forever.
vf:streams:probes                list of msgpack requests to try sources. Written by the API, popped by stream services.
vf:streams:probe:{id}            list with the one msgpack answer to a probe. Lives 60 s.
vf:streams:offers                list of msgpack WebRTC offers. Written by the API, popped by stream services.
vf:streams:offer:{id}            list with the one msgpack answer to an offer. Lives 60 s.
vf:streams:session:{id}:end      string, a WebRTC session is to end. Written by the API; lives 60 s.
vf:streamers                     zset, stream service -> ms of its last beat. Written and pruned by stream services.
vf:streamer:{id}                 string, msgpack of its load. Written by it; lives 6 s after its last beat.
vf:keys                          hash, id of an API key -> msgpack, without the key itself. Written by key_change; lives
                                 forever, revoked keys too.
vf:keys:version                  string, number of the last change of a key. Written by key_change; lives forever.
vf:key:{id}:bucket               hash {tokens, at}, what is left of a key's rate. Written by key_admit; lives until
                                 it is full.
vf:key:{id}:flights              zset, request id -> ms when it stops to count, of a key with a concurrency limit.
                                 Written by key_admit and the API; lives 10 minutes after the last request.
vf:key:{id}:usage                hash {requests, refused, last_ms}. Written by the API; lives forever.
vf:usage:recent                  list, "{jobs} {failed} {images} {infer_us} {day} {model} {who}" of the jobs that ended
                                 last. Written by finish, which adds them to their days when they are 512; lives until
                                 then.
vf:usage:{day}                   hash, "{count} {model} {who}" -> jobs, failed, images or infer_us of that day since
                                 1970-01-01, by Redis's clock; who is a key's id, an owner or "". Written by finish;
                                 lives for usage_days.
vf:quotas                        hash, owner of jobs -> share of a queue's depth that they may take. Written by
                                 key_change; lives forever.
vf:owner:{owner}:open            zset, job id -> ms when it expires: the unfinished jobs of an owner with a quota.
                                 Written by submit and settle; lives until the last of them must be over.
vf:dataset:{id}:{strategy}:{window}
                                 string, pictures that a strategy has collected in that minute, hour or day, or, without
                                 a strategy, those of a batch. Written by who collects; lives a little longer than it.
vf:remembered                    zset, name of what a model remembers of an image -> ms of its last use. Written by
                                 shelf_put and shelf_get; lives for shared_remembered_ttl_s after the last use.
vf:remembered:sizes              hash, the same names -> bytes. Written by shelf_put; lives as long.
vf:remembered:at:{name}          string, a .npz file: an embedding or a mask. The name is a sha256 of the model's digest
                                 and of what the image is called. Written by workers; lives as long after its last use,
                                 unless others need its place.
vf:workflows                     hash, workflow id -> number of its newest version. Written by the API; lives forever.
vf:workflow:{id}                 hash, version number -> msgpack {name, definition, created_ms}. Written by the API;
                                 lives until the workflow is deleted.
vf:fired:{job}                   string, the attempt of a workflow run whose sinks have begun to act: no other may.
                                 Written by workers; lives for the job's timeout and a day.
vf:tick:{name}                   string, somebody in the fleet has just started this periodic task. Lives for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

QUEUES = "vf:queues"
BYTES = "vf:bytes"
DEAD = "vf:dead"
JOBS = "vf:jobs"
DUE = "vf:due"
WEBHOOK_OUTBOX = "vf:webhook:outbox"
WORKERS = "vf:workers"
ACTIVE = "vf:active"
REMOVED = "vf:removed"
WEBHOOK_DUE = "vf:webhook:due"
WEBHOOK_DELIVERIES = "vf:webhook:deliveries"
WEBHOOK_SECRETS = "vf:webhook:secrets"
BATCHES = "vf:batches"
STREAMS = "vf:streams"
STREAMS_WAKE = "vf:streams:wake"
STREAM_PROBES = "vf:streams:probes"
STREAM_OFFERS = "vf:streams:offers"
STREAMERS = "vf:streamers"
WORKFLOWS = "vf:workflows"
KEYS = "vf:keys"
KEYS_VERSION = "vf:keys:version"
QUOTAS = "vf:quotas"
USAGE_RECENT = "vf:usage:recent"
GROUP = "workers"

HARDWARE_TAGS = ("cpu", "gpu", "jetson")
ANY_HARDWARE = "any"
LANES = ("live", "normal", "bulk")
WORKFLOW_QUEUE = "@workflows"
"""What stands for the model in the streams of workflow runs; no model's id begins like that."""


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
    """Reply streams that want to hear of the job's events."""
    return f"vf:job:{job_id}:watchers"


def events(job_id: str) -> str:
    """The job's story."""
    return f"vf:job:{job_id}:events"


def kept_input(job_id: str) -> str:
    """The job itself, kept after its end."""
    return f"vf:job:{job_id}:input"


def idempotency(key: str) -> str:
    """What an ``Idempotency-Key`` stands for; hashed, because clients put anything into it."""
    return f"vf:idem:{sha256(key.encode()).hexdigest()}"


def reply(replica: str) -> str:
    """Reply stream of one API process."""
    return f"vf:reply:{replica}"


def worker(worker_id: str) -> str:
    """Heartbeat record of one worker."""
    return f"vf:worker:{worker_id}"


def catalog(hardware: str) -> str:
    """Models that the workers with this hardware tag can serve."""
    return f"vf:catalog:{hardware}"


def speeds(hardware: str) -> str:
    """How fast a worker with this hardware tag was, by model."""
    return f"vf:speeds:{hardware}"


def adopt(hardware: str, model: str) -> str:
    """Who began to load a model and has not ended."""
    return f"vf:adopt:{hardware}:{model}"


def webhook_delivery(delivery_id: str) -> str:
    """One delivery of one webhook."""
    return f"vf:webhook:delivery:{delivery_id}"


FETCHES = "vf:fetches"


def fetch(model: str) -> str:
    """The wish for a model from elsewhere."""
    return f"vf:fetch:{model}"


def fetch_lease(model: str) -> str:
    """Who fetches it."""
    return f"vf:fetch:{model}:lease"


def tick(name: str) -> str:
    """Whether somebody has just started a periodic task."""
    return f"vf:tick:{name}"


def batch(batch_id: str) -> str:
    """Record of one batch."""
    return f"vf:batch:{batch_id}"


def batch_parts(batch_id: str) -> tuple[str, str, str]:
    """A batch's items, open indexes and results."""
    return f"vf:batch:{batch_id}:items", f"vf:batch:{batch_id}:open", f"vf:batch:{batch_id}:results"


def batches_due(hardware: str) -> str:
    """Batches for the workers of one hardware tag, by when they must be taken up."""
    return f"vf:batches:due:{hardware}"


def stream(stream_id: str) -> str:
    """Record of one video stream."""
    return f"vf:stream:{stream_id}"


def stream_status(stream_id: str) -> str:
    """Last report of its owner."""
    return f"vf:stream:{stream_id}:status"


def stream_buffer(stream_id: str) -> str:
    """Results that wait to be consumed."""
    return f"vf:stream:{stream_id}:buffer"


def stream_feed(stream_id: str) -> str:
    """Results for those who follow."""
    return f"vf:stream:{stream_id}:feed"


def stream_preview(stream_id: str, source_id: str) -> str:
    """Newest annotated picture of one source."""
    return f"vf:stream:{stream_id}:preview:{source_id}"


def stream_watch(stream_id: str, what: str) -> str:
    """Whether somebody watches ``results`` or ``preview``."""
    return f"vf:stream:{stream_id}:watch:{what}"


def stream_probe(probe_id: str) -> str:
    """Answer to one probe."""
    return f"vf:streams:probe:{probe_id}"


def stream_offer(offer_id: str) -> str:
    """Answer to one WebRTC offer."""
    return f"vf:streams:offer:{offer_id}"


def stream_session_end(session_id: str) -> str:
    """Set when a WebRTC session is to end."""
    return f"vf:streams:session:{session_id}:end"


def streamer(replica: str) -> str:
    """Load of one stream service."""
    return f"vf:streamer:{replica}"


def key_bucket(key_id: str) -> str:
    """What is left of an API key's rate."""
    return f"vf:key:{key_id}:bucket"


def key_flights(key_id: str) -> str:
    """Requests of an API key that are under way."""
    return f"vf:key:{key_id}:flights"


def key_usage(key_id: str) -> str:
    """What an API key was used for."""
    return f"vf:key:{key_id}:usage"


def usage(day: int) -> str:
    """What was used on a day, as days since 1970-01-01."""
    return f"vf:usage:{day}"


def owner_open(owner: str) -> str:
    """Unfinished jobs of an owner with a quota."""
    return f"vf:owner:{owner}:open"


def dataset_usage(dataset: str, strategy: str, window: str) -> str:
    """How much of a dataset's allowance is used."""
    return f"vf:dataset:{dataset}:{strategy}:{window}"


def workflow(workflow_id: str) -> str:
    """All versions of one saved workflow."""
    return f"vf:workflow:{workflow_id}"


REMEMBERED = "vf:remembered:at:"


def remembered(name: str) -> tuple[str, str, str]:
    """What is remembered of images, the sizes of it, and one of them."""
    return "vf:remembered", "vf:remembered:sizes", f"{REMEMBERED}{name}"


def fired(job_id: str) -> str:
    """Which attempt of a workflow run has begun to act on the world."""
    return f"vf:fired:{job_id}"
