"""Specifications: what is refused, what is filled in, and that nothing shown has a secret in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.streams.redact import redact, scrub
from shared.streams.spec import PipelineSpec

MODEL = {"model_id": "shapes-detector"}


def spec(**fields: object) -> PipelineSpec:
    return PipelineSpec.model_validate({"sources": [{"reference": "rtsp://u:p@cam/1"}], "model": MODEL, **fields})


def test_sources_are_numbered_and_survive_json() -> None:
    made = spec(sources=[{"reference": 0}, {"reference": "rtsp://cam", "id": "door"}])
    assert [source.id for source in made.sources] == ["0", "door"]
    assert PipelineSpec.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    "fields",
    [
        {"sources": []},
        {"sources": [{"reference": "rtsp://cam", "id": "a"}, {"reference": "rtsp://cam2", "id": "a"}]},
        {"workflow": {"specification": {}}},
        {"window": 0},
        {"unknown": 1},
        {"sinks": [{"type": "../x"}]},
        {"max_fps": float("nan")},
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        spec(**fields)


def test_nothing_shown_has_a_secret() -> None:
    sinks = [{"type": "mqtt", "password": "hunter2", "url": "mqtt://u:hunter2@b"}]
    shown = str(spec(sinks=sinks).shown())
    assert "hunter2" not in shown
    assert "u:p@" not in shown
    assert "***@cam/1" in shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("rtsp://admin:p@ss:w/rd@10.0.0.5/x?a=1", "rtsp://***@10.0.0.5/x?a=1"),
        ("http://cam/v?user=admin&pwd=x&res=1", "http://cam/v?user=***&pwd=***&res=1"),
        ("rtsp://10.0.0.5:554/live", "rtsp://10.0.0.5:554/live"),
        (0, "0"),
    ],
)
def test_redaction(given: str | int, shown: str) -> None:
    assert redact(given) == shown


@given(st.text(alphabet=st.characters(categories=("L", "N", "P")), min_size=6, max_size=20))
def test_a_password_never_shows(password: str) -> None:
    secret = password.replace("/", "x").replace("?", "x").replace("#", "x") + "Zq9"
    assert secret not in redact(f"rtsp://admin:{secret}@10.0.0.5/stream")
    assert secret not in scrub(f"cannot open rtsp://admin:{secret}@cam/x: refused", f"rtsp://admin:{secret}@cam/x")
