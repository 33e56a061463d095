"""Send an e-mail."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import COOLDOWN, Restriction
from shared.workflows.blocks.sinks import _mail
from shared.workflows.fields import AnyRef, BoolRef, IntRef, SecretRef, Selector, StepFields, StrRef
from shared.workflows.sink import ThrottledSink
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import filled

Receivers = str | list[str] | Annotated[str, Selector(kinds.STRING, kinds.LIST)]
FileRef = Annotated[str, Selector(kinds.STRING, kinds.BYTES)]
FileOrImageRef = Annotated[str, Selector(kinds.STRING, kinds.BYTES, kinds.IMAGE)]

MANAGED = "Roboflow Managed API Key"
CUSTOM = "Custom SMTP"
NOT_MANAGED = (
    "This server sends e-mails through a mail server of yours only: set email_provider to 'Custom SMTP', with "
    "smtp_server, sender_email and sender_email_password."
)


class EmailNotification(ThrottledSink):
    """Through a mail server, always encrypted: with STARTTLS on ports 25, 587, 2525 and 2587, else from the start."""

    ids: ClassVar[tuple[str, ...]] = ("roboflow_core/email_notification@v1",)
    label = "Email Notification"
    summary = "Send an e-mail through a mail server."
    engine = ">=1.4.0,<2.0.0"

    class Fields(StepFields):
        """``message`` with ``{{ $parameters.name }}`` for values after their operations; attachments by file name."""

        subject: str
        sender_email: str | StrRef
        receiver_email: Receivers
        message: str
        message_parameters: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        message_parameters_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        cc_receiver_email: Receivers | None = None
        bcc_receiver_email: Receivers | None = None
        attachments: dict[str, FileRef] = Field(default_factory=dict)
        smtp_server: str | StrRef
        sender_email_password: str | SecretRef
        smtp_port: int = 465
        fire_and_forget: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        cooldown_seconds: int | IntRef = 5

    def run(self, fire_and_forget: bool, disable_sink: bool, cooldown_seconds: int, **mail: Any) -> dict[str, Any]:
        """Sends, and tells what came of it."""
        return self.deliver(
            partial(self._send, mail),
            disabled=disable_sink,
            cooldown_s=cooldown_seconds,
            in_background=fire_and_forget,
        )

    def _send(self, mail: dict[str, Any]) -> str:
        account = _mail.Account(
            *(self._needed(mail, "smtp_server"), mail["smtp_port"]),
            *(self._needed(mail, "sender_email"), self._needed(mail, "sender_email_password")),
        )
        text = filled(mail["message"], mail["message_parameters"], mail["message_parameters_operations"])
        shown = {"To": _several(mail["receiver_email"]), "Cc": _several(mail["cc_receiver_email"])}
        message = _mail.compose(account.user, shown, mail["subject"], text, mail["attachments"])
        receivers = [*shown["To"], *shown["Cc"], *_several(mail["bcc_receiver_email"])]
        _mail.send(message, receivers, account, self.services.settings)
        return f"Sent to {len(receivers)} receivers."

    @staticmethod
    def _needed(mail: dict[str, Any], name: str) -> str:
        if not mail[name]:
            raise InvalidRequest(f"An e-mail through a mail server needs {name}.")
        return str(mail[name])


class EmailNotificationV2(EmailNotification):
    """As v1, with images as attachments. There is no mail server of Roboflow's here: use "Custom SMTP"."""

    ids = ("roboflow_core/email_notification@v2",)
    restrictions = (COOLDOWN, Restriction("hard", NOT_MANAGED))

    class Fields(StepFields):
        """As v1; images are attached as JPEG."""

        email_provider: Literal["Roboflow Managed API Key", "Custom SMTP"] = "Roboflow Managed API Key"
        subject: str
        receiver_email: Receivers
        message: str
        message_parameters: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        message_parameters_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        sender_email: str | StrRef | None = None
        smtp_server: str | StrRef | None = None
        sender_email_password: str | SecretRef | None = None
        cc_receiver_email: Receivers | None = None
        bcc_receiver_email: Receivers | None = None
        smtp_port: int = 465
        attachments: dict[str, FileOrImageRef] = Field(default_factory=dict)
        fire_and_forget: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        cooldown_seconds: int | IntRef = 5

    @override
    def run(self, fire_and_forget: bool, disable_sink: bool, cooldown_seconds: int, **mail: Any) -> dict[str, Any]:
        """As v1. An error, said at once, without a mail server."""
        if mail.pop("email_provider") != CUSTOM and not disable_sink and not self.services.disable_sinks:
            return self.answer(error=True, message=NOT_MANAGED)
        return super().run(fire_and_forget, disable_sink, cooldown_seconds, **mail)


def _several(given: str | list[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else [str(one) for one in given or []]
