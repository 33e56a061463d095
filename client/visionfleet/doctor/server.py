"""Checks of the server: whether it answers, is ready, and has workers and models."""

from __future__ import annotations

from visionfleet.client import Client
from visionfleet.doctor.check import Check, fail, ok, warn
from visionfleet.errors import VisionfleetError
from visionfleet.fleet import Fleet
from visionfleet.retry import RetryPolicy

TIMEOUT_S = 5.0


def examine(url: str) -> list[Check]:
    """The server's checks, the first being whether it answers; the others only when it does."""
    try:
        with Client(url, timeout=TIMEOUT_S, retry=RetryPolicy(retries=0)) as client:
            info = client.info()
            return [ok("server", f"{info.get('name')} {info.get('version')} at {url}"), ready(client), *fleet(client)]
    except VisionfleetError as error:
        return [warn("server", error.message, "--url or VISIONFLEET_URL names one that runs elsewhere")]


def ready(client: Client) -> Check:
    """Whether requests would be answered now."""
    try:
        client.check_ready()
    except VisionfleetError as error:
        return fail("ready", error.message, "wait a moment; if it stays so, look at the logs in the data folder")
    return ok("ready", "the queue is reachable and a worker is ready")


def fleet(client: Client) -> list[Check]:
    """Workers and models."""
    try:
        now = client.fleet()
    except VisionfleetError as error:
        return [fail("workers", error.message, "the server cannot see its Redis")]
    return [workers(now), models(now)]


def workers(now: Fleet) -> Check:
    """Live workers by hardware."""
    if not now.workers:
        return fail("workers", "none", "start one: visionfleet up, or python -m worker_service on another machine")
    tags = sorted({worker.hardware for worker in now.workers})
    counts = (f"{sum(worker.hardware == tag for worker in now.workers)} {tag}" for tag in tags)
    return ok("workers", ", ".join(counts))


def models(now: Fleet) -> Check:
    """Models that can be asked for."""
    if not now.models:
        return warn("models", "none", "add one: visionfleet models add FILE.onnx")
    return ok("models", ", ".join(model.id for model in now.models[:8]))
