"""Requests and answers of the HTTP API as plain values: no I/O, so that the sync and async clients share them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import msgpack

from visionfleet.errors import BadAnswer, VisionfleetError, from_dict
from visionfleet.images import ImageUrl, reference
from visionfleet.jobs import JobOptions
from visionfleet.results import Result, parse
from visionfleet.retry import retry_after_seconds

# Task of a manifest -> the synchronous route that serves it.
ROUTES = {
    "object-detection": "/infer/object_detection",
    "instance-segmentation": "/infer/instance_segmentation",
    "classification": "/infer/classification",
    "multi-label-classification": "/infer/classification",
    "keypoint-detection": "/infer/keypoints_detection",
    "semantic-segmentation": "/infer/semantic_segmentation",
    "gaze-detection": "/infer/gaze_detection",
    "depth-estimation": "/infer/depth-estimation",
    "ocr": "/ocr/trocr",
    "lmm": "/infer/lmm",
}
OPEN_TASK, OPEN_ROUTE = "open-vocabulary-detection", "/yolo_world/infer"
"""Detection of what texts say; models whose vocabulary was baked in take texts of it there, too."""
MSGPACK = "application/msgpack"
TIMINGS = "X-Visionfleet-Timings"

# What gateways and proxies in between mean, when the body is not the server's.
CODE_OF_STATUS = {404: "not_found", 413: "too_large", 429: "queue_full", 502: "unavailable", 503: "unavailable"}
CODE_OF_STATUS |= {504: "deadline_exceeded", 400: "invalid_request", 422: "validation_failed"}


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        repeatable: sending it twice does no harm.
        patience_s: seconds that the server may hold the answer back on top of the client's timeout.
    """

    method: str
    path: str
    json: Any = None
    content: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    files: Sequence[tuple[str, tuple[str, Any, str]]] = ()
    repeatable: bool = True
    patience_s: float = 0.0


def infer_call(
    task: str, model: str, image: bytes | ImageUrl, params: Mapping[str, Any], *, packed: bool = False
) -> Call:
    """A synchronous inference. Parameters have the engine's names; two of them are called otherwise on this route.

    ``packed``: in msgpack, which carries images as they are; in JSON base64 makes a third more bytes of them.
    """
    body: dict[str, Any] = {"model_id": model, "image": reference(image, packed=packed)}
    for name, value in params.items():
        if name == "visualize":
            body["visualize_predictions"] = value
            body.setdefault("visualization_labels", True)
        elif name == "auto_orient":
            body["disable_preproc_auto_orient"] = not value
        elif value is not None:
            body[name] = value
    if task == "depth-estimation":
        body.setdefault("depth_map_format", "png16")  # rows of numbers are twenty times as long
    path = ROUTES.get(task, ROUTES["object-detection"])
    if task == OPEN_TASK or "texts" in body:
        path = OPEN_ROUTE
        body["text"] = body.pop("texts", None) or phrases(body.pop("prompt", ""))
    return post_call(path, body, packed=packed)


def phrases(prompt: str) -> list[str]:
    """``a dog, a cat`` as two."""
    return [phrase.strip() for phrase in prompt.split(",") if phrase.strip()]


def post_call(path: str, body: Any, *, packed: bool, repeatable: bool = True) -> Call:
    """A body as msgpack or as JSON."""
    if not packed:
        return Call("POST", path, json=body, repeatable=repeatable)
    headers = {"Content-Type": MSGPACK, "Accept": f"{MSGPACK}, application/json;q=0.9"}
    return Call("POST", path, content=msgpack.packb(body), headers=headers, repeatable=repeatable)


def submit_call(model: str, images: Sequence[bytes | ImageUrl], params: Mapping[str, Any], options: JobOptions) -> Call:
    """An asynchronous job: images as file parts, or as JSON when the server has to fetch one of them.

    Its key makes it one job, however often it is sent.
    """
    headers = {"Idempotency-Key": options.idempotency_key or uuid.uuid4().hex}
    job: dict[str, Any] = {"model": model, "params": {k: v for k, v in params.items() if v is not None}}
    job |= options.to_dict()
    files = [
        ("image", (str(index), image, "application/octet-stream"))
        for index, image in enumerate(images)
        if not isinstance(image, ImageUrl)
    ]
    if len(files) == len(images):
        return Call("POST", "/v1/jobs", headers=headers, form={"job": json.dumps(job)}, files=files)
    job["image"] = [reference(image) for image in images]
    return Call("POST", "/v1/jobs", headers=headers, json=job)


def read_result(task: str, model: str, response: httpx.Response) -> Result:
    """The answer to ``infer_call``. Raises BadAnswer."""
    return parse(task, model, body_of(response), read_timings(response.headers.get(TIMINGS, "")))


def read_timings(header: str) -> dict[str, float]:
    """``queue=0.4;infer=3.1 (ms)`` as a dictionary; parts that cannot be read are left out."""
    timings = {}
    for part in header.removesuffix("(ms)").split(";"):
        name, _, value = part.partition("=")
        try:
            timings[name.strip()] = float(value)
        except ValueError:
            continue
    return timings


def body_of(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON or msgpack object. Raises BadAnswer."""
    try:
        packed = response.headers.get("Content-Type", "").startswith(MSGPACK)
        body = msgpack.unpackb(response.content) if packed else response.json()
    except (ValueError, msgpack.UnpackException):
        body = None
    if not isinstance(body, dict):
        raise BadAnswer(
            f"{response.url.host} answered no JSON object; is it a Visionfleet server?", status=response.status_code
        )
    return body


def error_of(response: httpx.Response) -> VisionfleetError | None:
    """The error that an answer means: ours (problem+json or {message, code}), or a gateway's by its status."""
    if response.is_success:
        return None
    try:
        body = response.json()
    except ValueError:
        body = {}
    known = body if isinstance(body, dict) else {}
    code = known.get("code") or CODE_OF_STATUS.get(response.status_code, "internal")
    fallback = f"The server answered {response.status_code} {response.reason_phrase}."
    described = {"code": code, "message": _message(known) or fallback, "retryable": known.get("retryable")}
    error = from_dict(described, response.status_code)
    error.retry_after = retry_after_seconds(response.headers.get("Retry-After"))
    return error


def _message(body: Mapping[str, Any]) -> str | None:
    """The words of an error body: ``message``, ``detail`` (text, or a list of issues) or ``reason``."""
    text = body.get("message") or body.get("detail") or body.get("reason")
    if isinstance(text, list) and text and isinstance(text[0], dict):
        where = ".".join(str(part) for part in text[0].get("loc", ()))
        return f"{where}: {text[0].get('msg')}"
    return str(text) if text else None


def quoted(job_id: str) -> str:
    """A job id as one segment of a path, whatever it holds."""
    return quote(job_id, safe="")
