"""A pipeline in this process: the stream service's readers and the engine, without server or Redis.

Together with ``visionfleet.native`` the only door to the server's code, imported when somebody goes through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from visionfleet import native
from visionfleet.api.streams import Source, spelled
from visionfleet.errors import NotInstalled, from_dict
from visionfleet.pipeline.frames import Answered, VideoFrame
from visionfleet.pipeline.watchdog import PipelineWatchdog

if TYPE_CHECKING:
    from stream_service.frame import Frame
    from stream_service.lane import Lane
    from stream_service.processor import Outcome

Work: TypeAlias = "Callable[[VideoFrame], Any]"
INSTALL = 'this needs the stream reader: pip install "visionfleet-server[streams,cpu]"'
WAITING = 8
LOOK_S = 0.1
WATCH_S = 0.5


def model_backend(
    sources: Source | list[Source], model_id: str, params: Mapping[str, Any], max_fps: float | None
) -> Local:
    """A model of this machine's repository. Raises NotInstalled, ModelNotFound."""
    model = native.get_model(model_id)
    return Local(sources, lambda frame: model.infer(frame.image, **params).to_dict(), max_fps)


def function_backend(sources: Source | list[Source], function: Callable[[Any], Any], max_fps: float | None) -> Local:
    """A function on lists of frames."""
    return Local(sources, lambda frame: function([frame])[0], max_fps)


def workflow_backend(
    sources: Source | list[Source],
    definition: Mapping[str, Any],
    given: tuple[str, Mapping[str, Any]],
    max_fps: float | None,
) -> Local:
    """A workflow and its models; ``given``: the name of its image input, its parameters.

    Raises NotInstalled, and what is wrong with the definition.
    """
    with _installed(), native.errors():
        from visionfleet.pipeline.flow import Flow  # noqa: PLC0415 - the lazy door

        flow = Flow(definition, *given)
    return Local(sources, flow, max_fps, flow.close)


class Local:
    """An event loop in a thread of its own reads and answers; ``frames`` hands out what it did."""

    def __init__(
        self,
        sources: Source | list[Source],
        work: Work,
        max_fps: float | None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """``close`` is called after the last of the work."""
        with _installed():
            from shared.streams.spec import PipelineSpec  # noqa: PLC0415 - the lazy door

            self._spec = PipelineSpec.model_validate({"sources": spelled(sources), "max_fps": max_fps, "sinks": []})
        self._work, self._close = work, close
        self._answers: queue.Queue[Answered | None] = queue.Queue(WAITING)
        self._over = threading.Event()
        self._lanes: dict[str, Lane] = {}
        self._counts: Counter[str] = Counter()
        self._wanted = "resume"
        self._failure: Exception | None = None

    def begin(self, watchdog: PipelineWatchdog) -> None:
        """Start to read; each source is opened first, so that one that cannot be is an error here."""
        self._watchdog = watchdog
        self._opened: queue.Queue[Exception | None] = queue.Queue()
        threading.Thread(target=self._in_thread, name="pipeline-reader", daemon=True).start()
        failure = self._opened.get()
        if failure is not None:
            described = getattr(failure, "to_dict", None)
            raise from_dict(described()) if described else failure
        watchdog.told("INFO", "PIPELINE_STARTED")

    def frames(self) -> Iterator[Answered]:
        """What the loop hands over."""
        while (answered := self._answers.get()) is not None:
            yield answered
        if self._failure is not None:
            raise self._failure

    def command(self, name: str) -> None:
        """Taken up by the loop."""
        self._wanted = name

    def end(self) -> None:
        """Wake everybody and leave."""
        self._over.set()
        with contextlib.suppress(queue.Empty):  # a reader that waits for room goes on
            while True:
                self._answers.get_nowait()
        self._answers.put(None)

    def _in_thread(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self._failure = error
            self._opened.put(error)
        finally:
            if not self._over.is_set():
                self._answers.put(None)

    async def _run(self) -> None:
        from stream_service.hub import Hub  # noqa: PLC0415 - the lazy door
        from stream_service.settings import StreamSettings  # noqa: PLC0415

        settings = StreamSettings(stream_allow_loopback=True, stream_devices=True, stream_folders=(Path("/"),))
        hub = Hub(settings)
        pool = ThreadPoolExecutor(1, "pipeline-work")
        try:
            for source in self._spec.sources:
                await hub.probe(source, settings.stream_probe_timeout_s)
            for index in range(len(self._spec.sources)):
                self._start(hub, pool, index)
            self._opened.put(None)
            await self._until_over(hub)
        finally:
            for lane in self._lanes.values():
                hub.leave(lane.subscription, lane.camera)
                await lane.stop()
            hub.close()
            pool.shutdown(wait=False, cancel_futures=True)
            self._close()

    def _start(self, hub: Any, pool: ThreadPoolExecutor, index: int) -> None:
        from stream_service.figures import Figures  # noqa: PLC0415 - the lazy door
        from stream_service.lane import Lane  # noqa: PLC0415
        from stream_service.subscription import Subscription  # noqa: PLC0415
        from visionfleet.pipeline.work import Worker  # noqa: PLC0415

        source = self._spec.sources[index]
        subscription = Subscription(source, self._spec.fps_of(source), index, self._counts)
        camera = hub.join(subscription)
        lane = Lane(subscription, camera, Worker(self._work, pool, camera), Figures(), self._emit)
        lane.window = 2 if subscription.live else 4
        self._lanes[source.id] = lane
        lane.start()

    async def _emit(self, frame: Frame, outcome: Outcome, age_ms: float) -> None:
        shown = (outcome.outputs or {}).get("frame")
        moment = datetime.fromtimestamp(frame.captured_at, timezone.utc)
        if shown is None:
            shown = VideoFrame(None, frame.number, moment, frame.source_index)
        answered = Answered(shown, (outcome.outputs or {}).get("answer"), outcome.cause, age_ms)
        while not self._over.is_set():
            try:
                self._answers.put_nowait(answered)
                return
            except queue.Full:
                await asyncio.sleep(0.005)

    async def _until_over(self, hub: Any) -> None:
        """Look after the cameras until all are over or the pipeline is ended."""
        states: dict[str, str] = {}
        watched = time.monotonic()
        while not self._over.is_set() and not all(lane.over for lane in self._lanes.values()):
            await asyncio.sleep(LOOK_S)
            if time.monotonic() - watched > WATCH_S:
                watched = time.monotonic()
                hub.watch()
                self._watchdog.drops({name: n for name, n in self._counts.items() if name not in ("received", "ok")})
            for source_id, lane in self._lanes.items():
                lane.subscription.muted = self._wanted != "resume"
                if lane.held != (self._wanted != "resume" and not lane.subscription.live):
                    lane.hold(not lane.held)
                if states.get(source_id) != lane.camera.state:
                    states[source_id] = lane.camera.state
                    self._watchdog.told("INFO", "SOURCE_STATE_UPDATE", source_id=source_id, state=lane.camera.state)
        if all(lane.subscription.failure for lane in self._lanes.values()):
            failure = next(iter(self._lanes.values())).subscription.failure
            assert failure is not None  # noqa: S101 - all have one
            self._failure = from_dict(failure.to_dict())


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise NotInstalled(f"{error.name or error} is missing; {INSTALL}.") from error
