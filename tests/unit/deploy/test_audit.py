"""The offline audit: ranges, versions, names, withdrawn advisories."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.audit import affects, findings, installed, records


def advisory(name: str, *events: dict[str, str], **more: Any) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }
    return {"id": "X-1", "summary": "bad", "affected": [affected], **more}


@pytest.mark.parametrize(
    ("events", "version", "hit"),
    [
        ([{"introduced": "0"}, {"fixed": "1.2"}], "1.1.9", True),
        ([{"introduced": "0"}, {"fixed": "1.2"}], "1.2", False),
        ([{"introduced": "1.0"}, {"last_affected": "1.2"}], "1.2", True),
        ([{"introduced": "1.0"}, {"last_affected": "1.2"}], "1.2.1", False),
        ([{"introduced": "2.0"}], "1.9", False),
        ([{"introduced": "1.0"}, {"fixed": "1.1"}, {"introduced": "2.0"}, {"fixed": "2.1"}], "2.0.5", True),
        ([{"introduced": "1.0"}, {"fixed": "1.1"}, {"introduced": "2.0"}, {"fixed": "2.1"}], "1.5", False),
    ],
)
def test_ranges(events: list[dict[str, str]], version: str, hit: bool) -> None:
    assert affects({"ranges": [{"type": "ECOSYSTEM", "events": events}]}, version) is hit


def test_listed_versions_and_commits() -> None:
    assert affects({"versions": ["1.0"]}, "1.0")
    assert not affects({"ranges": [{"type": "GIT", "events": [{"introduced": "abc"}]}]}, "1.0")


def test_names_are_compared_as_the_index_does() -> None:
    versions = {"ruamel-yaml": "1.0"}
    assert list(findings([advisory("Ruamel.YAML", {"introduced": "0"})], versions)) == ["ruamel-yaml 1.0: X-1 bad"]
    assert list(findings([advisory("other", {"introduced": "0"})], versions)) == []


def test_withdrawn_ones_do_not_count() -> None:
    lines = [json.dumps(advisory("a", {"introduced": "0"}, withdrawn="2026-01-01")), "", json.dumps(advisory("b"))]
    assert [record["affected"][0]["package"]["name"] for record in records(lines)] == ["b"]
    with pytest.raises(ValueError, match="OSV"):
        list(records(["[]"]))


def test_what_is_installed() -> None:
    assert installed()["aiohttp"]
