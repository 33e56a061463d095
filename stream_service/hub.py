"""The open cameras of this process: each is opened once, however many streams use it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from itertools import count
from typing import Any

from shared.errors import SourceUnreachable
from shared.registry import Registry
from shared.streams.spec import SourceSpec
from stream_service.camera import Camera
from stream_service.settings import StreamSettings
from stream_service.source import SourceInfo, SourceType, kind_of, registry
from stream_service.subscription import Subscription

HOW = {"reference", "mode", "transport", "keyframes_only", "realtime", "loop", "properties"}
"""What of a specification concerns the reading; streams that agree on it share a reader, with the time-outs of
the first."""


class Hub:
    """Opens cameras for the first subscriber and closes them after the last."""

    def __init__(self, settings: StreamSettings, kinds: Registry[SourceType] | None = None) -> None:
        self._settings = settings
        self._kinds = kinds or registry()
        self._cameras: dict[str, Camera] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._cameras)

    def join(self, subscription: Subscription) -> Camera:
        """Give the subscription the frames of its source. Raises SourceUnsupported."""
        spec = subscription.spec
        kind = kind_of(spec.reference, self._kinds)
        key = key_of(spec) if kind.shareable(spec) else f"own-{next(self._numbers)}"
        camera = self._cameras.get(key)
        if camera is None:
            make = partial(kind.make, spec, self._settings)
            camera = Camera(make, spec.shown, self._settings, reconnects=kind.reconnects and spec.mode != "file")
            self._cameras[key] = camera
            camera.add(subscription)
            camera.start()
        else:
            camera.add(subscription)
        return camera

    def leave(self, subscription: Subscription, camera: Camera) -> None:
        """Stop giving it frames; the camera is closed when nobody is left."""
        subscription.close()
        if camera.remove(subscription):
            return
        camera.stop()
        self._cameras = {key: other for key, other in self._cameras.items() if other is not camera}

    def is_live(self, spec: SourceSpec) -> bool:
        """Whether a source is likely live, before it was opened. Raises SourceUnsupported."""
        return spec.mode != "file" and kind_of(spec.reference, self._kinds).shareable(spec)

    def keys(self) -> list[str]:
        """Of the cameras that others may share."""
        return [key for key in self._cameras if not key.startswith("own-")]

    def watch(self) -> None:
        """Look for cameras that hang."""
        now = time.monotonic()
        for camera in self._cameras.values():
            camera.watch(now)

    def close(self) -> None:
        """Stop everything."""
        for camera in self._cameras.values():
            camera.stop()
        self._cameras.clear()

    async def probe(self, spec: SourceSpec, timeout_s: float) -> dict[str, Any]:
        """Open the source, take a frame, close it; what is open already is only looked at. Raises SourceError."""
        kind = kind_of(spec.reference, self._kinds)
        camera = self._cameras.get(key_of(spec)) if kind.shareable(spec) else None
        if camera is not None and camera.state == "running" and camera.info is not None:
            return shown(camera.info)
        try:
            return await asyncio.wait_for(in_thread(partial(self._probe, kind, spec)), timeout_s)
        except asyncio.TimeoutError:
            raise SourceUnreachable("The source did not deliver a frame in time.") from None

    def _probe(self, kind: SourceType, spec: SourceSpec) -> dict[str, Any]:
        source = kind.make(spec, self._settings)
        try:
            info = source.open()
            captured = source.read()
            if captured is None:
                raise SourceUnreachable("The source ended before its first frame.")
            return {**shown(info), "width": captured.picture.width, "height": captured.picture.height}
        finally:
            source.close()


async def in_thread(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``work`` returns, from a thread of its own that cannot hold up the end of the process when it hangs."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[dict[str, Any]] = loop.create_future()

    def settle(result: dict[str, Any] | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result or {})

    def run() -> None:
        try:
            answer: tuple[dict[str, Any] | None, Exception | None] = (work(), None)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            answer = (None, error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, *answer)

    threading.Thread(target=run, name="probe", daemon=True).start()
    return await done


def key_of(spec: SourceSpec) -> str:
    """The same for sources that can be read once for all. Credentials do not show in it."""
    part = spec.model_dump_json(include=HOW)
    return sha256(part.encode()).hexdigest()[:16]


def shown(info: SourceInfo) -> dict[str, Any]:
    """What opening showed, as plain data."""
    names = ("width", "height", "fps", "live", "total_frames", "codec")
    return {name: getattr(info, name) for name in names}
