"""Secrets at rest."""

from __future__ import annotations

import base64
import stat
import threading
from pathlib import Path

import pytest

from shared.errors import Unavailable
from shared.webhooks.sealing import FILE, Sealer, load_sealer
from shared.webhooks.settings import WebhookSettings

KEY = base64.b64encode(b"k" * 32).decode()


def test_what_is_sealed_opens_only_under_its_name_and_key() -> None:
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal("a", b"secret")
    assert b"secret" not in sealed
    assert sealed != sealer.seal("a", b"secret")
    assert sealer.open("a", sealed) == b"secret"
    for other, name, text in ((sealer, "b", sealed), (Sealer(b"x" * 32), "a", sealed), (sealer, "a", sealed[:-1])):
        with pytest.raises(Unavailable):
            other.open(name, text)


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    settings = WebhookSettings(data_dir=tmp_path / "new")
    sealed = load_sealer(settings).seal("a", b"secret")
    file = tmp_path / "new" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_sealer(settings).open("a", sealed) == b"secret"
    assert [path.name for path in file.parent.iterdir()] == [FILE]


def test_many_processes_agree_on_one_key(tmp_path: Path) -> None:
    settings = WebhookSettings(data_dir=tmp_path)
    start, sealed = threading.Barrier(8), []

    def one() -> None:
        start.wait()
        sealed.append(load_sealer(settings).seal("a", b"secret"))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [load_sealer(settings).open("a", text) for text in sealed] == [b"secret"] * 8


def test_a_key_of_the_settings_wins_and_is_checked(tmp_path: Path) -> None:
    settings = WebhookSettings(data_dir=tmp_path, webhook_key=KEY)
    assert load_sealer(settings).open("a", Sealer(b"k" * 32).seal("a", b"s")) == b"s"
    assert list(tmp_path.iterdir()) == []
    assert KEY not in repr(settings)
    for wrong in ("short", base64.b64encode(b"k" * 16).decode(), "%"):
        with pytest.raises(ValueError, match="32 bytes"):
            load_sealer(WebhookSettings(data_dir=tmp_path, webhook_key=wrong))
