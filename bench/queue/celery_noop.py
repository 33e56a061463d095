"""A Celery application with one task that does nothing; results in Redis, because our jobs are answered too."""

from __future__ import annotations

import os

from celery import Celery

URL = os.environ["BENCH_REDIS_URL"]
app = Celery("noop", broker=URL, backend=URL)
app.conf.update(worker_prefetch_multiplier=4, task_serializer="msgpack", accept_content=["msgpack"])
app.conf.update(result_serializer="msgpack", broker_connection_retry_on_startup=True)


@app.task(name="noop")
def noop(image: bytes) -> int:
    return len(image)
