"""No secret reaches a log line, whoever writes it."""

from __future__ import annotations

import logging
from io import StringIO

import pytest

from shared.access.token import new_token
from shared.log import Formatter, configure
from shared.redaction import redacted
from shared.settings import LogSettings

SECRET = "s3cr3tOfSomebody+/="
LINES = [
    f"GET /model/registry?api_key={SECRET}&x=1",
    f'{{"api_key": "{SECRET}", "model_id": "a"}}',
    f"Authorization: Bearer {SECRET}",
    f"authorization:bearer  {SECRET}",
    f"redis://:{SECRET}@127.0.0.1:6379/0 refused",
    f"rediss://user:{SECRET}@redis.example/0",
    f"rtsp://admin:{SECRET}@10.0.0.5/stream",
    f"whsec_{SECRET}",
]


@pytest.mark.parametrize("line", LINES)
def test_by_form(line: str) -> None:
    assert SECRET[:10] not in redacted(line)
    assert "***" in redacted(line)


def test_a_key_keeps_its_id() -> None:
    made = new_token()
    for text in (made.text, f"?api_key={made.text}", f"Bearer {made.text}", f"a {made.text[:-4]} b"):
        shown = redacted(text)
        assert made.id in shown
        assert made.text.split("_", 2)[2][:8] not in shown


@pytest.mark.parametrize(
    "text", ["", "plain", "http://host/path", "the bearer of news", "rtsp://10.0.0.5:554/a", "vf_x"]
)
def test_other_text_stays(text: str) -> None:
    assert redacted(text) == text


def test_every_logged_line_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    made, root = new_token(), logging.getLogger()
    before = root.handlers[:], root.level
    configure(LogSettings(log_format="json"), "test")
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    assert isinstance(handler.formatter, Formatter)
    handler.setStream(StringIO())
    try:
        int(made.text)
    except ValueError:
        logging.getLogger("library").exception("GET /?api_key=%s", made.text)
    written = handler.stream.getvalue()
    root.handlers[:], root.level = before
    assert made.id in written
    assert made.text not in written
