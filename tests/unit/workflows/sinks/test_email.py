"""E-mails over a real SMTP server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from shared.workflows.blocks.sinks import _mail
from shared.workflows.blocks.sinks.email_notification import EmailNotification, EmailNotificationV2
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.sink import DISABLED
from shared.workflows.testing import make, run_block
from shared.workflows.uql import AnyOperation
from tests.unit.workflows.pictures import found, plain
from tests.unit.workflows.sinks.mail_server import PASSWORD, USER, MailServer, certificate, mail_server

OPEN = WorkflowSettings(workflow_sink_allow_private=True, workflow_sink_timeout_s=5)
COUNT: Any = TypeAdapter(list[AnyOperation]).validate_python([{"type": "SequenceLength"}])
MAIL = {
    "subject": "Gate",
    "sender_email": USER,
    "sender_email_password": PASSWORD,
    "receiver_email": "a@example.org",
    "smtp_server": "localhost",
    "message": "{{ $parameters.n }} cars, {{$parameters.where}}, {{ $parameters.unknown }}",
    "fire_and_forget": False,
}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(pem: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with mail_server(pem) as made:
        yield made


def send(server: MailServer, block: Any = EmailNotification, settings: WorkflowSettings = OPEN, **fields: Any) -> Any:
    more = {"email_provider": "Custom SMTP"} if block is EmailNotificationV2 else {}
    return run_block(make(block, Services(settings=settings)), **{**MAIL, **more, "smtp_port": server.port, **fields})


@pytest.mark.parametrize("block", [EmailNotification, EmailNotificationV2])
def test_a_message_with_values_receivers_and_files(server: MailServer, block: Any) -> None:
    image = plain()
    files = {"log.csv": "a,b\n1,2\n", "raw": b"\x00\x01"}
    if block is EmailNotificationV2:
        files["picture.jpg"] = image  # type: ignore[assignment] # v2 takes images
    answer = send(
        server, block,
        message_parameters={"n": found(image, (0, 0, 5, 5)), "where": "gate"},
        message_parameters_operations={"n": COUNT},
        receiver_email=["a@example.org", "b@example.org"],
        cc_receiver_email="c@example.org",
        bcc_receiver_email=["d@example.org"],
        attachments=files,
    )  # fmt: skip
    assert answer == {"error_status": False, "throttling_status": False, "message": "Sent to 4 receivers."}
    ((receivers, mail),) = server.mails
    assert receivers == [f"{name}@example.org" for name in "abcd"]
    assert (mail["Subject"], mail["From"], mail["To"]) == ("Gate", USER, "a@example.org, b@example.org")
    assert (mail["Cc"], mail["Bcc"]) == ("c@example.org", None)
    assert mail.get_body().get_content().strip() == "1 cars, gate, {{ $parameters.unknown }}"
    got = {part.get_filename(): part for part in mail.iter_attachments()}
    assert (got["log.csv"].get_content_type(), got["log.csv"].get_payload(decode=True)) == ("text/csv", b"a,b\n1,2\n")
    assert got["raw"].get_content() == b"\x00\x01"
    assert set(got) == set(files)
    if block is EmailNotificationV2:
        assert got["picture.jpg"].get_content() == image.jpeg()


def test_starttls(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with mail_server(pem, starttls=True) as server:
        monkeypatch.setattr(_mail, "STARTTLS_PORTS", frozenset({server.port}))
        assert send(server)["error_status"] is False
        assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sender_email_password": "wrong"}, "password"),
        ({"receiver_email": "nobody@example.org"}, "all receivers"),
        ({"receiver_email": ["a@example.org", "nobody@example.org"]}, "1 of 2"),
        ({"receiver_email": []}, "1 to 100"),
        ({"receiver_email": ["a@example.org"] * 101}, "1 to 100"),
        ({"subject": "a\r\nBcc: b@example.org"}, "one line"),
        ({"receiver_email": "a@example.org\nBcc: b@example.org"}, "one line"),
        ({"smtp_server": "127.0.0.1"}, "certificate"),  # which is for another name
    ],
)
def test_failures_are_answers(server: MailServer, fields: dict[str, Any], said: str) -> None:
    answer = send(server, **fields)
    assert answer["error_status"]
    assert said in answer["message"]
    assert PASSWORD not in answer["message"]


def test_a_server_with_an_unknown_certificate_gets_no_password(pem: Path) -> None:
    with mail_server(pem) as server:
        assert "certificate" in send(server)["message"]


def test_private_addresses_and_odd_ports_are_refused(server: MailServer) -> None:
    closed = WorkflowSettings()
    assert "smtp_port" in send(server, settings=closed)["message"]
    assert "public internet" in send(server, settings=closed, smtp_port=465)["message"]
    assert server.mails == []


def test_without_a_mail_server_there_is_no_mail() -> None:
    managed = run_block(EmailNotificationV2, subject="s", receiver_email="a@example.org", message="m")
    assert managed["error_status"]
    assert "Custom SMTP" in managed["message"]
    lacking = {"subject": "s", "receiver_email": "a@example.org", "message": "m", "fire_and_forget": False}
    assert "smtp_server" in run_block(EmailNotificationV2, email_provider="Custom SMTP", **lacking)["message"]
    assert run_block(EmailNotificationV2, disable_sink=True, **lacking)["message"] == DISABLED
