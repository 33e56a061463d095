"""The body of a webhook: {type, timestamp, data}, as Standard Webhooks recommends. Thin, or with the result inside."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any

from shared.jobs import JobRecord
from shared.webhooks.delivery import Delivery
from shared.webhooks.settings import WebhookSettings


def build(delivery: Delivery, record: JobRecord | None, settings: WebhookSettings) -> bytes:
    """The JSON text; ``record`` is None when the job is not kept any more.

    With mode ``inline`` the result is inside, unless the text would grow over ``webhook_inline_bytes``.
    """
    data: dict[str, Any] = {
        "id": delivery.job,
        "state": "running" if delivery.event == "started" else delivery.event,
        "result_url": f"{settings.public_url.rstrip('/')}/v1/jobs/{delivery.job}",
    }
    if record is not None:
        data |= {
            "model": record.model,
            "created": iso(record.created_ms),
            "started": iso(record.started_ms),
            "finished": iso(record.finished_ms),
            "metadata": record.metadata,
        }
    message = {"type": f"job.{delivery.event}", "timestamp": iso(delivery.at_ms), "data": data}
    thin = _dumps(message)
    if delivery.mode != "inline" or record is None or record.result is None or "blob" in record.result.extra:
        return thin  # a result in the blob store is a large one
    result = record.result
    data |= {"timings": result.timings, "outputs": result.outputs, "error": result.error}
    full = _dumps(message)
    return full if len(full) <= settings.webhook_inline_bytes else thin


def iso(milliseconds: int | None) -> str | None:
    """ISO 8601 in UTC of a time in ms since the epoch."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="milliseconds")


def _dumps(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), default=_picture).encode()


def _picture(value: bytes) -> str:
    return base64.b64encode(value).decode()
