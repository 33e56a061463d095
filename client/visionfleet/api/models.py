"""Which models there are, and having workers load and unload them."""

from __future__ import annotations

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.fleet import ModelInfo, read_models
from visionfleet.method import method
from visionfleet.steps import Flow


def listed(core: Core) -> Flow[list[ModelInfo]]:
    """Every model that can be asked for."""
    body = yield from core.fetch(wire.Call("GET", "/v1/models"))
    models = read_models(body)
    core.tasks = {name: model.task for model in models for name in (*model.aliases, model.id)}
    core.packs = wire.MSGPACK in (body.get("accepts") or ())
    return models


def load(core: Core, model: str) -> Flow[None]:
    """Have a worker load a model now, so that the first request does not wait for it.

    A server with a key for it fetches a model that it does not have, which may take minutes: give the client the time.
    """
    yield from core.send(wire.Call("POST", "/model/add", json={"model_id": model}))
    core.tasks.pop(model, None)


def unload(core: Core, model: str) -> Flow[None]:
    """Have all workers let go of a model."""
    yield from core.send(wire.Call("POST", "/model/remove", json={"model_id": model}))


class Models:
    """Reached as ``client.models``."""

    list = method(listed)
    load = method(load)
    unload = method(unload)
