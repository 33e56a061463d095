"""Handing a message to a mail server, always encrypted, at an address that the server's settings allow."""

from __future__ import annotations

import mimetypes
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from shared.addresses import is_global
from shared.egress import EgressFailed, EgressRefused
from shared.errors import InvalidRequest
from shared.workflows import serialise
from shared.workflows.images import WorkflowImage
from shared.workflows.settings import WorkflowSettings

STARTTLS_PORTS = frozenset({25, 587, 2525, 2587})
"""Where encryption begins on request (RFC 3207); on other ports it is there from the start (RFC 8314)."""
PORTS = STARTTLS_PORTS | {465, 2465}
"""All that are for mail; others may be called where private addresses may be."""
NAME = "[127.0.0.1]"
"""What we call ourselves, as smtplib does for hosts without a name: ours is nobody's business."""
MOST_RECEIVERS = 100


@dataclass(frozen=True)
class Account:
    """Who sends, through which server."""

    server: str
    port: int
    user: str
    password: str


class _Guarded(smtplib.SMTP):
    """Connects to addresses that were checked, and to no others."""

    allow_private = False

    # What smtplib connects with; typeshed does not know it.
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self.allow_private and not all(map(is_global, addresses)):
            raise EgressRefused("smtp_server is at an address that is not on the public internet.")
        for address in addresses[:-1]:
            try:
                return socket.create_connection((address, port), timeout)
            except OSError:
                continue
        return socket.create_connection((addresses[-1], port), timeout)


class _GuardedTls(smtplib.SMTP_SSL, _Guarded):
    """The same, encrypted from the start."""


def compose(
    sender: str, receivers: Mapping[str, Sequence[str]], subject: str, text: str, attachments: Mapping[str, Any]
) -> EmailMessage:
    """A message. ``receivers`` by header. Raises InvalidRequest."""
    message = EmailMessage()
    try:
        message["Subject"], message["From"] = subject, sender
        for header, addresses in receivers.items():
            if addresses:
                message[header] = ", ".join(addresses)
    except (ValueError, IndexError) as error:
        raise InvalidRequest("The subject and the addresses of an e-mail are one line each.") from error
    message.set_content(text)
    for name, value in attachments.items():
        content, kind = _content(name, value)
        main, _, sub = kind.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message


def send(message: EmailMessage, receivers: Sequence[str], account: Account, settings: WorkflowSettings) -> None:
    """Hand it over. Raises InvalidRequest, EgressRefused, EgressFailed."""
    if not 1 <= len(receivers) <= MOST_RECEIVERS:
        raise InvalidRequest(f"An e-mail has 1 to {MOST_RECEIVERS} receivers.")
    if account.port not in PORTS and not settings.workflow_sink_allow_private:
        raise EgressRefused(f"smtp_port is one of {', '.join(map(str, sorted(PORTS)))}.")
    try:
        refused = _hand_over(message, receivers, account, settings)
    except smtplib.SMTPAuthenticationError:
        raise InvalidRequest("The mail server refused the sender's address or password.") from None
    except smtplib.SMTPRecipientsRefused:
        raise EgressFailed("The mail server refused all receivers.") from None
    except ssl.SSLError:
        raise EgressFailed("No trusted connection to the mail server; check its port and certificate.") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise EgressFailed(f"The mail server did not take the message: {type(error).__name__}.") from None
    if refused:
        raise EgressFailed(f"The mail server refused {len(refused)} of {len(receivers)} receivers.")


def _hand_over(
    message: EmailMessage, receivers: Sequence[str], account: Account, settings: WorkflowSettings
) -> Mapping[str, Any]:
    context, timeout = ssl.create_default_context(), settings.workflow_sink_timeout_s
    starttls = account.port in STARTTLS_PORTS
    client = (
        _Guarded(local_hostname=NAME, timeout=timeout)
        if starttls
        else _GuardedTls(local_hostname=NAME, timeout=timeout, context=context)
    )
    client.allow_private = settings.workflow_sink_allow_private
    client._host = account.server  # type: ignore[attr-defined]  # noqa: SLF001 - the name that certificates must have
    client.connect(account.server, account.port)
    with client:
        if starttls:
            client.starttls(context=context)
        client.login(account.user, account.password)
        return client.send_message(message, to_addrs=list(receivers))


def _content(name: str, value: Any) -> tuple[bytes, str]:
    """What an attachment holds, and its type."""
    if isinstance(value, WorkflowImage):
        return value.jpeg(), "image/jpeg"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return (value, kind) if isinstance(value, bytes) else (str(serialise.write(value)).encode(), kind)
