"""The Celery task that fetches models which somebody asked for and no worker has, and the tick that starts it."""

from __future__ import annotations

import asyncio
import threading
from uuid import uuid4

import structlog
from celery import shared_task

from shared import keys
from shared.errors import VisionfleetError
from shared.fetch import wishes
from shared.fetch.settings import FetchSettings
from shared.redis import SyncRedis, connect
from shared.settings import RedisSettings
from worker_service.fetch import aliases
from worker_service.fetch.bring import from_roboflow
from worker_service.fetch.install import is_installed
from worker_service.settings import EngineSettings
from worker_service.tasks.batches import tags

log = structlog.get_logger(__name__)
EVERY_S = 0.5
RENEW_S = 4.0
_one = threading.Lock()


@shared_task(name="models.fetch")  # type: ignore[untyped-decorator] # celery ships no types
def fetch(model_id: str) -> None:
    """Fetch a model into the folder of models, where workers find it within seconds; one at a time per process."""
    settings = FetchSettings()
    if not settings.fetches or not _one.acquire(blocking=False):
        return
    client, owner = connect(RedisSettings()), uuid4().hex
    try:
        if wishes.take(client, model_id, owner):
            with _Renewal(client, model_id, owner):
                error = _attempt(model_id, settings)
            wishes.settle(client, model_id, error)
    finally:
        _one.release()


def tick(client: SyncRedis) -> None:
    """Have a worker take up each open wish. Raises RedisError."""
    if not FetchSettings().fetches:
        return
    for model_id in wishes.open_wishes(client):
        if client.set(keys.tick(f"fetch:{model_id}"), "1", nx=True, px=2_000):
            fetch.apply_async(args=(model_id,), queue=tags()[0], retry=False)


def _attempt(model_id: str, settings: FetchSettings) -> VisionfleetError | None:
    try:
        if is_installed(aliases.resolve(model_id), EngineSettings().model_dirs[-1]):
            return None  # wished for again before the workers saw it
        manifest = asyncio.run(from_roboflow(model_id, settings, EngineSettings().model_dirs[-1]))
    except VisionfleetError as error:
        log.warning("model.not_fetched", model=model_id, code=error.code, error=error.message)
        return error
    except OSError as error:
        log.warning("model.not_stored", model=model_id, error=error.strerror)
        return VisionfleetError("The model was fetched and could not be stored on the worker's disk.")
    log.info("model.fetched", model=manifest.id, family=manifest.family)
    return None


class _Renewal:
    """Renews the lease while the model is fetched."""

    def __init__(self, client: SyncRedis, model_id: str, owner: str) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, args=(client, model_id, owner), daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self, client: SyncRedis, model_id: str, owner: str) -> None:
        while not self._over.wait(RENEW_S):
            try:
                wishes.renew(client, model_id, owner)
            except Exception as error:  # noqa: BLE001 - the lease may end; the next renewal tries again
                log.warning("fetch.not_renewed", model=model_id, error=type(error).__name__)
