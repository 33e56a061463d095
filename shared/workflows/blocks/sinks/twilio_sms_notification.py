"""Send a text message through Twilio."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, urlencode

from pydantic import Field
from typing_extensions import override

from shared.egress import EgressFailed
from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import COOLDOWN, Restriction
from shared.workflows.calls import call, json_of, operators_policy
from shared.workflows.fields import AnyRef, BoolRef, IntRef, SecretRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.sink import ThrottledSink
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import filled

CUSTOM = "Custom Twilio"
LONGEST = 1600
"""Characters of one message at Twilio."""
CUT = " [...]"
NOT_MANAGED = (
    "This server sends messages through a Twilio account of yours only: set sms_provider to 'Custom Twilio', with "
    "twilio_account_sid, twilio_auth_token and sender_number."
)
NO_IMAGES = "Twilio fetches media from URLs that it can reach: give media_url a URL, not an image."


class TwilioSms(ThrottledSink):
    """What is longer than ``length_limit`` is cut. Steps with the same ``cooldown_session_key`` wait together."""

    ids: ClassVar[tuple[str, ...]] = ("roboflow_core/twilio_sms_notification@v1",)
    label = "Twilio SMS Notification"
    summary = "Send a text message through Twilio."
    engine = ">=1.4.0,<2.0.0"

    class Fields(StepFields):
        """``message`` with ``{{ $parameters.name }}`` for values after their operations."""

        twilio_account_sid: str | SecretRef
        twilio_auth_token: str | SecretRef
        sender_number: str | StrRef
        receiver_number: str | StrRef
        message: str
        message_parameters: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        message_parameters_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        fire_and_forget: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        cooldown_seconds: int | IntRef = 5
        cooldown_session_key: str
        length_limit: int | IntRef = 160

    def run(self, fire_and_forget: bool, disable_sink: bool, cooldown_seconds: int, **given: Any) -> dict[str, Any]:
        """Sends, and tells what came of it."""
        key = given.get("cooldown_session_key")
        return self.deliver(
            partial(self._send, given),
            disabled=disable_sink,
            cooldown_s=cooldown_seconds,
            cooldown_key=f"twilio {key}" if key else "",
            in_background=fire_and_forget,
        )

    def _send(self, given: Mapping[str, Any]) -> str:
        lacking = [name for name in ("twilio_account_sid", "twilio_auth_token", "sender_number") if not given[name]]
        if lacking:
            raise InvalidRequest(f"A message through Twilio needs {' and '.join(lacking)}.")
        text = filled(given["message"], given["message_parameters"], given["message_parameters_operations"])
        fields = [
            ("To", given["receiver_number"]),
            ("From", given["sender_number"]),
            ("Body", cut(text, given.get("length_limit", LONGEST))),
            *(("MediaUrl", url) for url in _media(given.get("media_url"))),
        ]
        self._ask(given["twilio_account_sid"], given["twilio_auth_token"], urlencode(fields))
        return "Sent."

    def _ask(self, account: str, token: str, body: str) -> None:
        """Raises InvalidRequest with Twilio's word for what is wrong, EgressFailed."""
        settings = self.services.settings
        url = f"{settings.workflow_twilio_url.rstrip('/')}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        headers = {
            "Authorization": f"Basic {base64.b64encode(f'{account}:{token}'.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = call(operators_policy(settings), "POST", url, body.encode(), headers)
        if 400 <= answer.status < 500:
            said = json_of(answer)
            reason = f"{said.get('message', 'no reason given')}"[:200]
            raise InvalidRequest(f"Twilio refused the message (code {said.get('code')}): {reason}")
        if answer.status != 201:
            raise EgressFailed(f"Twilio answered with status {answer.status}.", status=answer.status)


class TwilioSmsV2(TwilioSms):
    """With media by URL. There is no account of Roboflow's here: use "Custom Twilio"."""

    ids = ("roboflow_core/twilio_sms_notification@v2",)
    label = "Twilio SMS/MMS Notification"
    summary = "Send a text message, with media, through Twilio."
    restrictions = (COOLDOWN, Restriction("hard", NOT_MANAGED), Restriction("hard", NO_IMAGES))

    class Fields(StepFields):
        """``message`` with ``{{ $parameters.name }}`` for values after their operations."""

        sms_provider: Literal["Roboflow Managed API Key", "Custom Twilio"] = "Roboflow Managed API Key"
        receiver_number: str | StrRef
        message: str
        message_parameters: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        message_parameters_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        media_url: str | list[str] | Annotated[str, Selector(kinds.STRING, kinds.LIST, kinds.IMAGE)] | None = None
        twilio_account_sid: str | SecretRef | None = None
        twilio_auth_token: str | SecretRef | None = None
        sender_number: str | StrRef | None = None
        fire_and_forget: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        cooldown_seconds: int | IntRef = 5

    @override
    def run(self, fire_and_forget: bool, disable_sink: bool, cooldown_seconds: int, **given: Any) -> dict[str, Any]:
        """As v1. An error, said at once, without an account or with an image."""
        wrong = NOT_MANAGED if given.pop("sms_provider") != CUSTOM else ""
        wrong = wrong or (NO_IMAGES if isinstance(given["media_url"], WorkflowImage) else "")
        if wrong and not disable_sink and not self.services.disable_sinks:
            return self.answer(error=True, message=wrong)
        return super().run(fire_and_forget, disable_sink, cooldown_seconds, **given)


def cut(text: str, limit: int) -> str:
    """The text in at most ``limit`` characters, with a mark where something is missing."""
    return text if len(text) <= limit else text[: max(limit - len(CUT), 0)] + CUT[: max(limit, 0)]


def _media(given: Any) -> list[str]:
    urls = [given] if isinstance(given, str) else list(given or [])
    if not all(isinstance(url, str) for url in urls):
        raise InvalidRequest(NO_IMAGES)
    return urls
