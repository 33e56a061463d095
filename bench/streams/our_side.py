"""The stream service's own parts in a process: readers, lanes, jobs through the queue to a worker process.

What is left out is Redis between results and clients; the answer counts where a sink would take it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.streams.watch import Watch, options
from shared.access.rights import EVERYTHING
from shared.fleet.view import FleetView
from shared.queue.dispatcher import Dispatcher
from shared.streams.spec import PipelineSpec
from stream_service.budget import Budget
from stream_service.figures import Figures
from stream_service.fleet import FleetWatch
from stream_service.frame import Frame
from stream_service.hub import Hub
from stream_service.lane import Lane
from stream_service.model import Machinery, ModelProcessor
from stream_service.pipeline import live_window
from stream_service.processor import Outcome
from stream_service.settings import StreamSettings
from stream_service.subscription import Subscription
from stream_service.supervisor import ROUND_S
from stream_service.turns import Crowd


async def main() -> None:
    given = options()
    settings = StreamSettings(redis_url=given["redis"], stream_allow_loopback=True)
    dispatcher, hub = Dispatcher(settings, settings), Hub(settings)
    encoders = ThreadPoolExecutor(settings.stream_encode_threads)
    fleet = FleetWatch(FleetView(settings, settings))
    machinery = Machinery(dispatcher, fleet, encoders, Budget(settings.stream_inflight_bytes))
    await dispatcher.start()
    sources = [{"reference": url} for url in given["urls"]]
    spec = PipelineSpec.model_validate({"sources": sources, "model": {"model_id": given["model"]}, "sinks": []})
    assert spec.model is not None
    watch = Watch(given)
    failures: list[Any] = []

    async def emit(frame: Frame, outcome: Outcome, _age_ms: float) -> None:
        if outcome.cause:
            failures.append((outcome.cause, outcome.error))
        else:
            watch.saw(frame.source_index, frame.picture.bgr())

    crowd = Crowd(fleet)
    lanes: list[Lane] = []
    for index, source in enumerate(spec.sources):
        subscription = Subscription(source, None, index)
        processor = ModelProcessor(spec, spec.model, ("bench", EVERYTHING), machinery)
        lane = Lane(subscription, hub.join(subscription), processor, Figures(), emit)
        lane.turns = crowd.of(spec)
        lane.start()
        lanes.append(lane)
    while not watch.over:
        await crowd.adapt()
        for lane in lanes:
            lane.window = live_window(len(lanes), lane.turns)
        await asyncio.sleep(ROUND_S)
    for lane in lanes:
        await lane.stop()
    hub.close()
    await dispatcher.close()
    lost = [cause for cause, _ in failures if cause != "expired"]
    assert len(lost) < 5, failures[:3]
    watch.tell()


if __name__ == "__main__":
    asyncio.run(main())
