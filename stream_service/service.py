"""The service on one screen."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from shared.access.rights import Rights
from shared.fleet.view import FleetView
from shared.metrics.exporter import Exporter
from shared.queue.dispatcher import Dispatcher
from shared.queue.line import stop as end_tasks
from shared.redis import connect, connect_async
from shared.streams.ownership import Ownership
from shared.streams.spec import PipelineSpec, SourceSpec
from shared.workflows.executor import Executor
from shared.workflows.settings import WorkflowSettings
from stream_service import sink
from stream_service.budget import Budget
from stream_service.fleet import FleetWatch
from stream_service.hub import Hub
from stream_service.metrics import OwnSeries
from stream_service.model import Machinery, ModelProcessor
from stream_service.pipeline import Parts
from stream_service.probes import Probes
from stream_service.processor import Processor
from stream_service.settings import StreamSettings
from stream_service.supervisor import Supervisor
from stream_service.turns import Crowd
from stream_service.webrtc.reception import Reception
from stream_service.workflow import WorkflowMachinery, WorkflowProcessor

log = structlog.get_logger(__name__)


def processor(
    machinery: Machinery,
    workflows: WorkflowMachinery,
    spec: PipelineSpec,
    source: SourceSpec,
    stream_id: str,
    rights: Rights,
) -> Processor:
    """What runs on the frames of one source."""
    del source
    if spec.workflow is not None:
        return WorkflowProcessor(spec, spec.workflow, (stream_id, rights), machinery, workflows)
    return ModelProcessor(spec, spec.model, (stream_id, rights), machinery) if spec.model else Processor()


class Service:
    """One replica. ``run`` until ``stop``."""

    def __init__(self, settings: StreamSettings) -> None:
        self.settings = settings
        self.replica = settings.stream_name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._supervisor: Supervisor | None = None
        self._stopping = False

    def stop(self) -> None:
        """Give the streams back and end."""
        self._stopping = True
        if self._supervisor is not None:
            self._supervisor.stop()

    async def run(self) -> None:
        """Connect, take up streams, and at the end give them back."""
        settings = self.settings
        client, view = connect_async(settings), FleetView(settings, settings)
        dispatcher = Dispatcher(settings, settings)
        hub = Hub(settings)
        encoders = ThreadPoolExecutor(settings.stream_encode_threads, "encode")
        fleet = FleetWatch(view)
        machinery = Machinery(dispatcher, fleet, encoders, Budget(settings.stream_inflight_bytes))

        threads = ThreadPoolExecutor(settings.stream_workflow_threads, "workflow")
        rules = WorkflowSettings()
        counters = connect(settings)
        workflows = WorkflowMachinery(threads, Executor(rules.workflow_concurrent_steps), rules, counters)

        parts = Parts(hub, settings, sink.registry(), partial(processor, machinery, workflows), Crowd(fleet))
        ownership = Ownership(client, settings, self.replica, settings.stream_lease_s)
        await dispatcher.start()
        log.info("streams.ready", replica=self.replica)
        probes = asyncio.create_task(Probes(client, ownership, parts).run())
        reception = Reception(client, parts)
        receiving = asyncio.create_task(reception.run())
        self._supervisor = Supervisor(client, ownership, parts, reception.report)
        supervisor = self._supervisor
        exporter = Exporter(settings, OwnSeries(lambda: (supervisor.figures, supervisor.load())))
        exporter.start()
        if self._stopping:
            self._supervisor.stop()
        try:
            await self._supervisor.run()
        finally:
            await asyncio.to_thread(exporter.stop)
            await end_tasks([probes, receiving])
            hub.close()
            encoders.shutdown(wait=False, cancel_futures=True)
            threads.shutdown(wait=False, cancel_futures=True)
            await dispatcher.close()
            await view.close()
            await client.aclose()
            counters.close()
            log.info("streams.stopped", replica=self.replica)
