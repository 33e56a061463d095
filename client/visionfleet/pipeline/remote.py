"""A pipeline that runs on a server: the stream service reads the cameras, results come back as events."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from visionfleet.api.streams import Source, spelled
from visionfleet.client import Client
from visionfleet.errors import NotFound, VisionfleetError
from visionfleet.pipeline.frames import Answered, from_result
from visionfleet.pipeline.watchdog import PipelineWatchdog

LOOK_EVERY_S = 2.0


class Remote:
    """One stream on the server, made by ``begin`` and terminated by ``end``. ``what`` goes to ``streams.create``."""

    def __init__(self, client: Client, sources: Source | list[Source], what: Mapping[str, Any]) -> None:
        self._client = client
        self._sources = spelled(sources)
        self._what = dict(what)
        self._ended = threading.Event()
        self._states: dict[str, str] = {}
        self.stream_id = ""

    def begin(self, watchdog: PipelineWatchdog) -> None:
        """Create the stream. Raises SourceError and others."""
        made = self._client.streams.create(self._sources, sinks=[], **self._what)
        self.stream_id = made.id
        self._watchdog = watchdog
        watchdog.told("INFO", "PIPELINE_STARTED", stream_id=made.id)
        threading.Thread(target=self._look, daemon=True, name="pipeline-status").start()

    def frames(self) -> Iterator[Answered]:
        """What the server sends."""
        with contextlib.suppress(NotFound):
            for result in self._client.streams.results(self.stream_id, failures=True):
                if self._ended.is_set():
                    return
                yield from_result(result)

    def command(self, name: str) -> None:
        """Pause, mute or resume."""
        getattr(self._client.streams, name)(self.stream_id)

    def end(self) -> None:
        """Terminate the stream."""
        if self.stream_id and not self._ended.is_set():
            self._ended.set()
            with contextlib.suppress(NotFound):
                self._client.streams.terminate(self.stream_id)

    def _look(self) -> None:
        """Tell of sources that come and go, and of frames that were left out before they were results."""
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                stream = self._client.streams.get(self.stream_id)
            except NotFound:
                return
            except VisionfleetError:
                continue
            drops: Counter[str] = Counter()
            for source in stream.sources:
                drops.update(source.dropped)
                if self._states.get(source.id) != source.state:
                    self._states[source.id] = source.state
                    severity = "INFO" if source.state in ("connecting", "running", "ended") else "WARNING"
                    told = {"source_id": source.id, "state": source.state, "error": source.error}
                    self._watchdog.told(severity, "SOURCE_STATE_UPDATE", **told)
            self._watchdog.drops(dict(drops))
