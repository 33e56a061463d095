"""Send values to a URL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from aiohttp import FormData
from pydantic import Field

from shared.egress import EgressFailed
from shared.errors import InvalidRequest
from shared.workflows import kinds, serialise
from shared.workflows.calls import call, users_policy
from shared.workflows.fields import AnyRef, BoolRef, IntRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.sink import ThrottledSink
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import prepared

SIMPLE = (
    kinds.STRING, kinds.INTEGER, kinds.FLOAT, kinds.MODEL_ID, kinds.PROJECT, kinds.API_KEY, kinds.FRACTION,
    kinds.BOOLEAN, kinds.TOP_CLASS,
)  # fmt: skip
HeaderRef = Annotated[str, Selector(*SIMPLE)]
QueryRef = Annotated[str, Selector(*SIMPLE, kinds.LIST)]
Value = AnyRef | str | float | bool | int | dict[str, Any] | list[Any]
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})


class Webhook(ThrottledSink):
    """A request with values as JSON, or as a form when there is form data or a file; then the JSON is left out.

    Redirects are not followed. A status of 400 or above is an error.
    """

    ids = ("roboflow_core/webhook_sink@v1",)
    label = "Webhook Sink"
    summary = "Send values to a URL."

    class Fields(StepFields):
        """Payloads by name, each value after the operations of its name. Seconds."""

        url: StrRef | str
        method: Literal["GET", "POST", "PUT"]
        query_parameters: dict[str, QueryRef | str | float | bool | int | list[str | float | int | bool]] = Field(
            default_factory=dict
        )
        headers: dict[str, HeaderRef | str | float | bool | int] = Field(default_factory=dict)
        json_payload: dict[str, Value] = Field(default_factory=dict)
        json_payload_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        multi_part_encoded_files: dict[str, Value] = Field(default_factory=dict)
        multi_part_encoded_files_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        form_data: dict[str, Value] = Field(default_factory=dict)
        form_data_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        request_timeout: int | IntRef = 2
        fire_and_forget: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        cooldown_seconds: int | IntRef = 5

    def run(self, fire_and_forget: bool, disable_sink: bool, cooldown_seconds: int, **request: Any) -> dict[str, Any]:
        """Sends, and tells what came of it."""
        return self.deliver(
            partial(self._send, request),
            disabled=disable_sink,
            cooldown_s=cooldown_seconds,
            in_background=fire_and_forget,
        )

    def _send(self, request: Mapping[str, Any]) -> str:
        settings = self.services.settings
        if request["request_timeout"] <= 0:
            raise InvalidRequest("request_timeout is above 0 seconds.")
        policy = users_policy(settings, min(request["request_timeout"], settings.workflow_sink_timeout_s))
        body, kind = _body(request)
        headers = _headers(request["headers"])
        if kind and "content-type" not in map(str.lower, headers):
            headers["Content-Type"] = kind
        answer = call(policy, request["method"], _url(request), body, headers)
        if answer.status >= 300:
            raise EgressFailed(f"The URL answered with status {answer.status}.", status=answer.status)
        return "Sent."


def _url(request: Mapping[str, Any]) -> str:
    url, query = request["url"].strip(), request["query_parameters"]
    if not query:
        return str(url)
    start, hash_sign, fragment = url.partition("#")
    joint = "&" if "?" in start else "?"
    return f"{start}{joint}{urlencode(query, doseq=True)}{hash_sign}{fragment}"


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    refused = sorted(name for name in given if name.lower() in OURS)
    if refused:
        raise InvalidRequest(f"These headers are not for a webhook to set: {', '.join(refused)}.")
    return {name: str(value) for name, value in given.items()}


def _body(request: Mapping[str, Any]) -> tuple[Any, str]:
    """The body and its content type, empty where the form knows it itself."""
    found = {
        name: prepared(request[name], request[f"{name}_operations"])
        for name in ("json_payload", "multi_part_encoded_files", "form_data")
    }
    files, fields = found["multi_part_encoded_files"], found["form_data"]
    if files or fields:
        return _form(files, fields), ""
    if not found["json_payload"] and request["method"] == "GET":
        return None, ""
    return json.dumps(serialise.write(found["json_payload"])).encode(), "application/json"


def _form(files: Mapping[str, Any], fields: Mapping[str, Any]) -> FormData:
    form = FormData(quote_fields=False)
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            form.add_field(name, _text(one))
    for name, value in files.items():
        content, kind = _content(value)
        form.add_field(name, content, filename=name, content_type=kind)
    return form


def _text(value: Any) -> str:
    written = serialise.write(value)
    return json.dumps(written) if isinstance(written, (dict, list)) else str(written)


def _content(value: Any) -> tuple[bytes, str]:
    """What a file holds, and its type."""
    if isinstance(value, WorkflowImage):
        return value.encoded, "image/jpeg" if value.original is None else "application/octet-stream"
    if isinstance(value, bytes):
        return value, "application/octet-stream"
    return _text(value).encode(), "text/plain"
