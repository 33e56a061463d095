"""Ask a language model behind an OpenAI-compatible API."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from pydantic import Field

from shared.egress import EgressFailed
from shared.errors import InvalidRequest, VisionfleetError
from shared.workflows import kinds, serialise
from shared.workflows.block import Block
from shared.workflows.calls import call, json_of, operators_policy, users_policy
from shared.workflows.fields import AnyRef, FloatRef, SecretRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.settings import WorkflowSettings
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import PLACEHOLDER, prepared

log = structlog.get_logger(__name__)
TOLD = 300
"""Characters of the API's own words that reach the user."""


class OpenAICompatible(Block):
    """Sends one message to ``base_url`` + ``/chat/completions``: the prompt, then all images among the parameters.

    What goes wrong is told in ``error_status``, with an empty ``output``; then the run goes on.
    """

    ids = ("roboflow_core/openai_compatible@v1",)
    category = "model"
    label = "OpenAI-Compatible LLM"
    summary = "Ask a language model behind an OpenAI-compatible API."
    engine = ">=1.4.0,<2.0.0"
    outputs = {"output": (kinds.STRING, kinds.LLM_OUTPUT), "error_status": (kinds.STRING,)}

    class Fields(StepFields):
        """``prompt`` with ``{{ $parameters.name }}`` for values after their operations, images and lists of images
        among them; ``extra_body`` is added to the request."""

        base_url: StrRef | str
        model_name: StrRef | str
        api_key: SecretRef | str | None = None
        system_prompt: StrRef | str | None = None
        prompt: StrRef | str
        prompt_parameters: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        prompt_parameters_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        max_tokens: int = Field(500, gt=1)
        temperature: float | FloatRef | None = Field(None, ge=0, le=2)
        extra_body: dict[str, Any] | None = None

    def run(self, base_url: str, api_key: str | None, **asking: Any) -> dict[str, Any]:
        """What the model answered, or what went wrong."""
        try:
            return {"output": self._ask(base_url.rstrip("/"), api_key, _body(asking)), "error_status": ""}
        except VisionfleetError as error:
            log.warning("workflow_chat.failed", step=self.step, error=error.message)
            return {"output": "", "error_status": error.message}

    def _ask(self, base_url: str, api_key: str | None, body: Mapping[str, Any]) -> str:
        headers = {"Content-Type": "application/json"}
        if api_key:
            if not (api_key.isascii() and api_key.isprintable()):
                raise InvalidRequest("api_key is no key of an API: it has characters that no key has.")
            headers["Authorization"] = f"Bearer {api_key}"
        policy = _policy(self.services.settings, base_url)
        answer = call(policy, "POST", f"{base_url}/chat/completions", json.dumps(body).encode(), headers)
        said = json_of(answer)
        if answer.status != 200:
            raise EgressFailed(f"The API answered with status {answer.status}: {_complaint(said)}")
        return _content(said)


def _policy(settings: WorkflowSettings, base_url: str) -> Any:
    """Servers that the operator named may be anywhere."""
    seconds = settings.workflow_chat_timeout_s
    named = {url.rstrip("/") for url in settings.workflow_chat_base_urls}
    if base_url in named or "*" in named:
        return operators_policy(settings, seconds)
    return users_policy(settings, seconds)


def _body(asking: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": asking["model_name"],
        "messages": _messages(asking),
        "max_tokens": asking["max_tokens"],
    }
    if asking["temperature"] is not None:
        body["temperature"] = asking["temperature"]
    body |= asking["extra_body"] or {}
    if body.get("stream"):
        raise InvalidRequest("extra_body asks for a stream; this step reads whole answers.")
    return body


def _messages(asking: Mapping[str, Any]) -> list[dict[str, Any]]:
    values = prepared(asking["prompt_parameters"], asking["prompt_parameters_operations"])
    images = {name: found for name, value in values.items() if (found := list(_images(value)))}
    words = {name: "" if name in images else str(serialise.write(value)) for name, value in values.items()}
    prompt = asking["prompt"]
    text = PLACEHOLDER.sub(lambda match: words.get(match[1], match[0]), prompt).strip()
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    # Those that the prompt names come first, in its order.
    for name in dict.fromkeys([name for name in PLACEHOLDER.findall(prompt) if name in images] + list(images)):
        content += [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in images[name]]
    system = asking["system_prompt"]
    head = [{"role": "system", "content": system}] if system else []
    return [*head, {"role": "user", "content": content}]


def _images(value: Any) -> Iterator[WorkflowImage | bytes]:
    if isinstance(value, WorkflowImage | bytes):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, WorkflowImage | bytes))


def _data_url(image: WorkflowImage | bytes) -> str:
    content = image if isinstance(image, bytes) else image.jpeg()
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _complaint(said: Mapping[str, Any]) -> str:
    error = said.get("error")
    words = error.get("message") if isinstance(error, dict) else error
    return str(words or said.get("message") or "it does not say why")[:TOLD]


def _content(said: Mapping[str, Any]) -> str:
    choices = said.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise EgressFailed(f"The API answered without choices: {_complaint(said)}")
    message = choices[0].get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str):
        reason = str(choices[0].get("finish_reason"))[:TOLD]
        raise EgressFailed(f"The API answered without text; finish_reason is {reason}.")
    return content
