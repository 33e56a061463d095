"""Send a message to a Slack channel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from shared.egress import EgressFailed
from shared.errors import InvalidRequest
from shared.workflows import kinds, serialise
from shared.workflows.calls import call, json_of, operators_policy
from shared.workflows.fields import AnyRef, BoolRef, IntRef, SecretRef, Selector, StepFields, StrRef
from shared.workflows.sink import ThrottledSink
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import filled

FileRef = Annotated[str, Selector(kinds.STRING, kinds.BYTES)]
FORM = "application/x-www-form-urlencoded"
JSON = "application/json; charset=utf-8"


class SlackNotification(ThrottledSink):
    """A message, or files with the message as their comment; for files ``channel`` is the channel's id.

    Steps of one session with the same ``cooldown_session_key`` wait together.
    """

    ids = ("roboflow_core/slack_notification@v1",)
    label = "Slack Notification"
    summary = "Send a message to a Slack channel."
    engine = ">=1.4.0,<2.0.0"

    class Fields(StepFields):
        """``message`` with ``{{ $parameters.name }}`` for values after their operations; attachments by file name."""

        slack_token: str | SecretRef
        channel: str | StrRef
        message: str
        message_parameters: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        message_parameters_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        attachments: dict[str, FileRef] = Field(default_factory=dict)
        fire_and_forget: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        cooldown_seconds: int | IntRef = 5
        cooldown_session_key: str

    def run(
        self,
        fire_and_forget: bool,
        disable_sink: bool,
        cooldown_seconds: int,
        cooldown_session_key: str,
        **message: Any,
    ) -> dict[str, Any]:
        """Sends, and tells what came of it."""
        return self.deliver(
            partial(self._send, message),
            disabled=disable_sink,
            cooldown_s=cooldown_seconds,
            cooldown_key=f"slack {cooldown_session_key}",
            in_background=fire_and_forget,
        )

    def _send(self, given: Mapping[str, Any]) -> str:
        text = filled(given["message"], given["message_parameters"], given["message_parameters_operations"])
        token, channel = given["slack_token"], given["channel"]
        if not given["attachments"]:
            self._ask(token, "chat.postMessage", JSON, json.dumps({"channel": channel, "text": text}))
            return "Sent."
        files = [self._upload(token, name, value) for name, value in given["attachments"].items()]
        done = {"files": files, "channel_id": channel, "initial_comment": text}
        self._ask(token, "files.completeUploadExternal", JSON, json.dumps(done))
        return f"Sent with {len(files)} files."

    def _upload(self, token: str, name: str, value: Any) -> dict[str, str]:
        """Slack's way: ask for a URL, send the bytes there, and tell at the end that they are complete."""
        content = value if isinstance(value, bytes) else str(serialise.write(value)).encode()
        place = urlencode({"filename": name, "length": len(content)})
        where = self._ask(token, "files.getUploadURLExternal", FORM, place)
        headers = {"Content-Type": "application/octet-stream"}
        answer = call(operators_policy(self.services.settings), "POST", str(where["upload_url"]), content, headers)
        if answer.status != 200:
            raise EgressFailed(f"Slack did not take the file; it answered with status {answer.status}.")
        return {"id": str(where["file_id"]), "title": name}

    def _ask(self, token: str, method: str, kind: str, body: str) -> dict[str, Any]:
        """What Slack answers. Raises InvalidRequest with Slack's word for what is wrong, EgressFailed."""
        settings = self.services.settings
        url = f"{settings.workflow_slack_url.rstrip('/')}/{method}"
        if not token.isascii() or not token.isprintable():
            raise InvalidRequest("slack_token is not a token of Slack's.")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        answer = call(operators_policy(settings), "POST", url, body.encode(), headers)
        if answer.status != 200:
            raise EgressFailed(f"Slack answered with status {answer.status}.", status=answer.status)
        said = json_of(answer)
        if not said.get("ok"):
            raise InvalidRequest(f"Slack refused the message: {str(said.get('error', 'no reason given'))[:100]}.")
        return said
