"""The clients: ``Client`` blocks, ``AsyncClient`` is awaited. What they can do stands in ``api/``, once for both."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, overload

import httpx
from typing_extensions import Self

from visionfleet import settings
from visionfleet.api import inference
from visionfleet.api.batches import Batches
from visionfleet.api.embeddings import Embeddings
from visionfleet.api.examples import Examples
from visionfleet.api.inference import Inference
from visionfleet.api.jobs import Jobs
from visionfleet.api.keys import Keys
from visionfleet.api.models import Models
from visionfleet.api.operations import DeadLetters, Operations
from visionfleet.api.prompts import Prompts
from visionfleet.api.streams import Streams
from visionfleet.api.webhooks import Webhooks
from visionfleet.api.workflows import Workflows
from visionfleet.api.writing import Writings
from visionfleet.core import Core, check_url, trusts_proxies
from visionfleet.drivers import AsyncDriver, SyncDriver
from visionfleet.images import ImageInput
from visionfleet.method import Async, Sync
from visionfleet.results import Result
from visionfleet.retry import RetryPolicy


class SyncJobs(Jobs, Sync):
    """Jobs, blocking."""


class SyncBatches(Batches, Sync):
    """Batches, blocking."""


class SyncModels(Models, Sync):
    """Models, blocking."""


class SyncWebhooks(Webhooks, Sync):
    """Webhooks, blocking."""


class SyncWorkflows(Workflows, Sync):
    """Workflows, blocking."""


class SyncKeys(Keys, Sync):
    """API keys, blocking."""


class SyncStreams(Streams, Sync):
    """Video streams, blocking."""


class SyncDeadLetters(DeadLetters, Sync):
    """Dead letters, blocking."""


class Client(Inference, Writings, Embeddings, Prompts, Examples, Operations, Sync):
    """Talks to a Visionfleet server. Keeps connections open, may be shared by threads, and is a context manager.

    Its parts: ``jobs``, ``batches``, ``models``, ``webhooks``, ``keys``, ``workflows``, ``streams``, ``dead_letters``.

    Args:
        url: the server; VISIONFLEET_URL or this machine when not given.
        timeout: seconds that a call may take in all, retries included.
        retry: how often and how patiently to repeat what the server could not do just now.
        headers: sent with every request, for instance for a proxy that asks for a token.
        api_key: sent as ``Authorization: Bearer``; VISIONFLEET_API_KEY when not given.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
    ) -> None:
        core, options = _made(url, timeout, retry, headers, api_key)
        super().__init__(core, SyncDriver(httpx.Client(**options)))
        self.url = core.url
        self.jobs = SyncJobs(core, self._driver)
        self.batches = SyncBatches(core, self._driver)
        self.models = SyncModels(core, self._driver)
        self.webhooks = SyncWebhooks(core, self._driver)
        self.keys = SyncKeys(core, self._driver)
        self.workflows = SyncWorkflows(core, self._driver)
        self.streams = SyncStreams(core, self._driver)
        self.dead_letters = SyncDeadLetters(core, self._driver)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()

    @overload
    def infer(self, image: list[Any] | tuple[Any, ...], model: str, **params: Any) -> list[Result]: ...

    @overload
    def infer(self, image: ImageInput, model: str, **params: Any) -> Result: ...

    def infer(self, image: Any, model: str, **params: Any) -> Result | list[Result]:
        """Run a model on one image, or on each of a list, and wait for the answer. For folders and videos see ``map``,
        for texts as they are written ``write``.

        Args:
            image: a path, URL, bytes of an image file, BGR array or PIL image; or a list of these.
            model: id or alias.
            **params: ``confidence``, ``iou_threshold``, ``max_detections``, ``class_filter``, ``class_agnostic_nms``,
                ``visualize``, ``visualization_labels``, ``visualization_stroke_width``, ``auto_orient``, ``hardware``.

        Returns:
            A result of the model's task (``Detections``, ``Classification``, ...; a plain Result for a task newer than
            this client), or a list of them in the order of the images.

        Raises:
            VisionfleetError: see ``visionfleet.errors``; for a list, that of the first image that fails.
        """
        if isinstance(image, (list, tuple)):
            return list(self._driver.spread(inference.infer_each(self._core, image, model, **params)))
        return self._driver.run(inference.infer(self._core, image, model, **params))


class AsyncJobs(Jobs, Async):
    """Jobs, awaited."""


class AsyncBatches(Batches, Async):
    """Batches, awaited."""


class AsyncModels(Models, Async):
    """Models, awaited."""


class AsyncWebhooks(Webhooks, Async):
    """Webhooks, awaited."""


class AsyncWorkflows(Workflows, Async):
    """Workflows, awaited."""


class AsyncKeys(Keys, Async):
    """API keys, awaited."""


class AsyncStreams(Streams, Async):
    """Video streams, awaited."""


class AsyncDeadLetters(DeadLetters, Async):
    """Dead letters, awaited."""


class AsyncClient(Inference, Writings, Embeddings, Prompts, Examples, Operations, Async):
    """``Client`` for an event loop: the same methods, awaited, or iterated over with ``async for``."""

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
    ) -> None:
        core, options = _made(url, timeout, retry, headers, api_key)
        super().__init__(core, AsyncDriver(httpx.AsyncClient(**options)))
        self.url = core.url
        self.jobs = AsyncJobs(core, self._driver)
        self.batches = AsyncBatches(core, self._driver)
        self.models = AsyncModels(core, self._driver)
        self.webhooks = AsyncWebhooks(core, self._driver)
        self.keys = AsyncKeys(core, self._driver)
        self.workflows = AsyncWorkflows(core, self._driver)
        self.streams = AsyncStreams(core, self._driver)
        self.dead_letters = AsyncDeadLetters(core, self._driver)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._driver.close()

    @overload
    async def infer(self, image: list[Any] | tuple[Any, ...], model: str, **params: Any) -> list[Result]: ...

    @overload
    async def infer(self, image: ImageInput, model: str, **params: Any) -> Result: ...

    async def infer(self, image: Any, model: str, **params: Any) -> Result | list[Result]:
        """As ``Client.infer``."""
        if isinstance(image, (list, tuple)):
            return [one async for one in self._driver.spread(inference.infer_each(self._core, image, model, **params))]
        return await self._driver.run(inference.infer(self._core, image, model, **params))


def _made(
    url: str | None,
    timeout: float,
    retry: RetryPolicy | None,
    headers: Mapping[str, str] | None,
    api_key: str | None,
) -> tuple[Core, dict[str, Any]]:
    """The core, and the options of httpx. Raises InvalidRequest when the URL is none."""
    here = settings.load()
    core = Core(url or here.url, timeout, retry or RetryPolicy())
    base, key = check_url(core.url), api_key or here.api_key
    sent = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    return core, {"base_url": base, "headers": sent, "trust_env": trusts_proxies(base), "limits": limits}
