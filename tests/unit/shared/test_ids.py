"""Ids are UUIDs of version 4, whoever reads them."""

from __future__ import annotations

import uuid

from shared.ids import uuid_hex, uuid_text


def test_they_are_uuids_of_version_4() -> None:
    made = {uuid_hex() for _ in range(200)}
    assert len(made) == 200
    for text in made:
        assert (uuid.UUID(text).version, uuid.UUID(text).variant) == (4, uuid.RFC_4122)
        assert uuid.UUID(text).hex == text


def test_with_hyphens() -> None:
    text = uuid_text()
    assert str(uuid.UUID(text)) == text
