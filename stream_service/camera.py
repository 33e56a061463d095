"""A source that is open: one thread reads it, as fast as it delivers, for every stream that wants its frames."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from shared.errors import SourceError, SourceUnreachable, VisionfleetError
from stream_service.backoff import Backoff
from stream_service.frame import Frame
from stream_service.packets import Ring, Tee
from stream_service.settings import StreamSettings
from stream_service.source import Captured, Source, SourceInfo
from stream_service.subscription import Subscription

log = structlog.get_logger(__name__)
RATE_WINDOW_S = 5.0


class Camera:
    """Opens, reads, reconnects, until it is stopped.

    A thread whose library hangs cannot be ended: ``watch`` then leaves it behind and starts another (``generation``).
    """

    def __init__(self, make: Callable[[], Source], label: str, settings: StreamSettings, *, reconnects: bool) -> None:
        self.label = label
        self.state = "connecting"
        self.error: SourceError | None = None
        self.info: SourceInfo | None = None
        self.size: tuple[int, int] | None = None
        self.session = 0
        self.reconnects = 0
        self.stalls = 0
        self.last_frame: float | None = None
        self._make = make
        self._settings = settings
        self._reconnects = reconnects
        self._subscriptions: list[Subscription] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._generation = 0
        self._number = 0
        self._busy_since = time.monotonic()
        self._arrivals: deque[float] = deque(maxlen=600)

    def start(self) -> None:
        """Begin to read, in a thread of its own."""
        self._generation += 1
        name = f"camera-{self._generation}"
        threading.Thread(target=self._run, args=(self._generation,), name=name, daemon=True).start()

    def stop(self) -> None:
        """End; returns at once, the thread ends when its library lets it."""
        self._generation += 1
        self._stopped.set()

    def add(self, subscription: Subscription) -> None:
        """One more stream that gets the frames from now on."""
        with self._lock:
            if self.info is not None:
                subscription.live = self.info.live
            self._subscriptions.append(subscription)
        if self.state in ("ended", "failed"):
            subscription.end(self.error)

    def remove(self, subscription: Subscription) -> int:
        """One less. Returns how many are left."""
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)
            return len(self._subscriptions)

    def watch(self, now: float) -> None:
        """Called now and then: when a live source has given nothing for too long, open it anew from another thread."""
        waiting = now - self._busy_since
        opening = self.state == "connecting"
        limit = self._settings.stream_stall_timeout_s * (3 if opening else 1)
        if self.state not in ("connecting", "running") or (self.info and not self.info.live) or waiting < limit:
            return
        self.stalls += 1
        self.state, self.error = "stalled", SourceUnreachable("The source has stopped sending; it is opened anew.")
        log.warning("source.stalled", source=self.label, seconds=round(waiting, 1))
        self._busy_since = now
        self.start()

    def fps(self, now: float) -> float:
        """Frames per second that arrive."""
        recent = [at for at in list(self._arrivals) if now - at <= RATE_WINDOW_S]
        return len(recent) / RATE_WINDOW_S if len(recent) > 1 else 0.0

    def report(self, now: float) -> dict[str, Any]:
        """Its state as plain data."""
        info = self.info
        return {
            "state": self.state,
            "reference": self.label,
            "error": self.error.to_dict() if self.error is not None else None,
            "width": self.size[0] if self.size else info and info.width,
            "height": self.size[1] if self.size else info and info.height,
            "declared_fps": info and info.fps,
            "live": info and info.live,
            "codec": info and info.codec,
            "total_frames": info and info.total_frames,
            "fps": round(self.fps(now), 2),
            "last_frame_age_s": None if self.last_frame is None else round(now - self.last_frame, 2),
            "sessions": self.session,
            "reconnects": self.reconnects,
            "stalls": self.stalls,
        }

    def _current(self, generation: int) -> bool:
        return generation == self._generation and not self._stopped.is_set()

    def _run(self, generation: int) -> None:
        backoff = Backoff(self._settings.stream_backoff_s, self._settings.stream_backoff_max_s)
        while self._current(generation):
            began = time.monotonic()
            try:
                error = self._read_all(generation)
            except VisionfleetError as problem:
                error = problem if isinstance(problem, SourceError) else SourceUnreachable(problem.message)
            except Exception:
                log.exception("source.broken", source=self.label)
                error = SourceUnreachable("The source cannot be read; the log says why.")
            if not self._current(generation):
                return
            if error is None or not self._reconnects:
                self._finish(error)
                return
            self.error, self.state = error, "reconnecting"
            delay = backoff.after(error, (self.last_frame or began) - began)
            log.warning("source.lost", source=self.label, code=error.code, retry_s=round(delay, 1))
            if self._stopped.wait(delay):
                return
            self.reconnects += 1

    def _read_all(self, generation: int) -> SourceError | None:
        """Read one connection to its end. Returns None when the source is over. Raises SourceError."""
        source = self._make()
        source.packets = Tee(partial(self._taps, generation))
        try:
            self.state, self._busy_since = "connecting", time.monotonic()
            info = source.open()
            if not self._current(generation):
                return None
            self._opened(info)
            while True:
                captured = source.read()
                if not self._current(generation):
                    return None
                if captured is None:
                    return None if info.ends else SourceUnreachable("The source closed the connection.")
                self._deliver(captured)
        finally:
            source.close()

    def _opened(self, info: SourceInfo) -> None:
        with self._lock:
            self.info = info
            for subscription in self._subscriptions:
                subscription.live = info.live
        self.session += 1
        log.info("source.opened", source=self.label, live=info.live, codec=info.codec)

    def _deliver(self, captured: Captured) -> None:
        now = time.monotonic()
        self.state, self.error = "running", None
        self.last_frame = self._busy_since = now
        self._arrivals.append(now)
        self._number += 1
        picture = captured.picture
        self.size = (picture.width, picture.height)
        captured_at = time.time() - (now - captured.arrived)
        with self._lock:
            subscriptions = list(self._subscriptions)
        fps = self.info.fps if self.info is not None else None
        for one in subscriptions:
            place = (one.spec.id, one.index, self._number, self.session)
            one.offer(Frame(*place, captured.arrived, captured_at, captured.pts_s, picture, fps))

    def _taps(self, generation: int) -> list[Ring]:
        """Who records now."""
        if not self._current(generation):
            return []
        with self._lock:
            return [tap for subscription in self._subscriptions for tap in subscription.taps]

    def _finish(self, error: SourceError | None) -> None:
        self.state, self.error = ("failed", error) if error else ("ended", None)
        log.info("source.ended", source=self.label, code=error.code if error else "")
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.end(error)
