"""A worker that answers every job at once: our queue and nothing else. ``python -m bench.queue.worker URL``."""

from __future__ import annotations

import sys

from shared import keys
from shared.jobs import JobResult
from shared.queue.consumer import QueueConsumer
from shared.redis import connect
from shared.settings import QueueSettings, RedisSettings

STREAMS = [keys.queue("any", "live", "noop")]


def main(url: str) -> None:
    queue = QueueConsumer(connect(RedisSettings(redis_url=url)), QueueSettings(), "bench")
    while True:
        taken = queue.take(STREAMS, 8) or queue.wait(STREAMS, 500)
        if taken:
            queue.finish([(job, JobResult(job.job.id, "succeeded")) for job in taken])


if __name__ == "__main__":
    main(sys.argv[1])
