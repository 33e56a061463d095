"""The Celery application: slow tasks, and the worker process that the inference consumer lives in.

Only small messages travel through Celery; images and results never do. The settings keep a message until its task has
ended, hold nothing back in a prefetch buffer, and accept no pickle.
"""

from __future__ import annotations

import pkgutil

from celery import Celery

from shared.settings import RedisSettings
from worker_service import tasks
from worker_service.bootstep import InferenceStep
from worker_service.loop import AliveStep, LoopStep
from worker_service.tasks.clock import ClockStep
from worker_service.transport import TRANSPORT, broker_url

app = Celery("visionfleet", broker=broker_url(RedisSettings().redis_url))
app.conf.update(
    accept_content=["json"],
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    broker_transport=TRANSPORT,
    include=[f"{tasks.__name__}.{module.name}" for module in pkgutil.iter_modules(tasks.__path__)],
    broker_transport_options={"visibility_timeout": 3600, "global_keyprefix": "vf:celery:"},
    task_acks_late=True,
    task_ignore_result=True,
    task_serializer="json",
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
)
app.steps["worker"].update((InferenceStep, ClockStep, AliveStep))
app.steps["consumer"].add(LoopStep)
