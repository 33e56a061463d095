"""Puts together what a run in this worker needs: models, saved workflows, sinks that act once."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from shared.access.rights import Rights
from shared.queue.consumer import Taken
from shared.redis import SyncRedis
from shared.settings import QueueSettings, RedisSettings
from shared.workflows import plugins, store
from shared.workflows.definition import Raw
from shared.workflows.errors import PluginLoadingError
from shared.workflows.executor import Executor
from shared.workflows.once import Once
from shared.workflows.python.spare import SPARES
from shared.workflows.queue_models import Circumstances, QueueModels
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from worker_service.consumer.pipeline import Pipeline
from worker_service.engine.engine import Engine
from worker_service.workflows import operations
from worker_service.workflows.line import Begun
from worker_service.workflows.models import WorkerModels
from worker_service.workflows.operations import Surroundings

log = structlog.get_logger(__name__)


class Runner:
    """Runs jobs of kind ``workflow``; for several threads. Close it in the end."""

    def __init__(
        self,
        settings: WorkflowSettings,
        client: SyncRedis,
        engine: Engine,
        pipeline: Pipeline,
        queue: tuple[RedisSettings, QueueSettings],
    ) -> None:
        self._settings, self._client = settings, client
        self._engine, self._pipeline = engine, pipeline
        self._queue = QueueModels(*queue)
        self._once = Once(client)
        self._executor = Executor(settings.workflow_concurrent_steps, threads=4 * settings.workflow_concurrent_steps)

    def __call__(self, begun: Begun) -> dict[str, Any]:
        """The answer of one job. Raises what is wrong with it."""
        taken = begun.taken
        job = taken.job
        self._once.check(job.id, taken.attempt)
        images = [taken.image(index) for index in range(len(job.inputs))]
        around = Surroundings(
            self._services(begun, job.params.get("models") or ()),
            partial(self._resolve, job.params.get("owner")),
            self._executor,
            proceed=begun.proceed,
            timings=begun.timings,
        )
        return operations.do(job.params, images, around)

    def prepare(self) -> None:
        """Import all blocks, and warm processes for Python blocks where these may be.

        What is wrong with a plug-in is logged, and told to whoever asks for a run.
        """
        try:
            plugins.catalog()
        except PluginLoadingError as error:
            log.error("workflow_plugins.failed", error=error.message)  # noqa: TRY400 - no bug, no traceback
        if self._settings.workflow_python:
            SPARES.warm(self._settings.workflow_python_spares)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._queue.close()
        self._executor.close()
        SPARES.close()

    def _services(self, begun: Begun, allowed: Any) -> Services:
        job = begun.taken.job
        rights = Rights(models=tuple(str(pattern) for pattern in allowed))
        left_ms = max(begun.left_ms, 1)
        around = Circumstances(job.lane, job.owner, left_ms, begun.trace, rights, begun.uses.append)
        return Services(
            models=WorkerModels(self._engine, self._pipeline, self._queue, around),
            settings=self._settings,
            fire=partial(self._fire, begun, begun.taken),
            background=begun.after.append,
            redis=self._client,
        )

    def _fire(self, begun: Begun, taken: Taken) -> None:
        begun.proceed()
        self._once.claim(taken.job.id, taken.attempt, taken.job.timeout_ms)

    def _resolve(self, owner: str | None, workspace: str, workflow: str, version: str | None) -> Raw:
        if workspace != store.LOCAL:
            raise store.WorkflowNotFound(f"There is no workspace {workspace!r} here; saved workflows are in 'local'.")
        return store.find(self._client, workflow, version, owner).definition
