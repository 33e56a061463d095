"""Rights that travel with streams: read as they were written, and nothing is allowed by what cannot be read."""

from __future__ import annotations

import pytest

from shared.access.rights import EVERYTHING, NOTHING, Rights, load
from shared.errors import ModelNotFound
from shared.fleet.state import Fleet, ModelInfo, WorkerInfo
from stream_service.model import placed


@pytest.mark.parametrize("rights", [EVERYTHING, NOTHING, Rights("team", "team", ("gate/*", "yolo")), Rights("a", None)])
def test_they_come_back_as_they_were(rights: Rights) -> None:
    assert load(rights.dump()) == rights


def test_records_from_before_allow_all() -> None:
    assert load(b"") == EVERYTHING


@pytest.mark.parametrize(
    "forged",
    [b"\xff", b"{", b"[]", b"null", b'{"owner": "a"}', b'{"owner": 1, "sees": null, "models": []}',
     b'{"owner": "", "sees": null, "models": [1]}', b'{"owner": "", "sees": 5, "models": []}',
     b'{"owner": "", "sees": null, "models": null}'],
)  # fmt: skip
def test_what_cannot_be_read_allows_nothing(forged: bytes) -> None:
    found = load(forged)
    assert found == NOTHING
    for model in ("a", "a/1", "*"):
        with pytest.raises(ModelNotFound):
            found.check(model)


def test_an_alias_is_no_way_around() -> None:
    fleet = Fleet(workers=[worker()], models={"secret/1": model("secret/1", "gate/1"), "gate/2": model("gate/2", "x")})
    rights = Rights(models=("gate/*",))
    assert placed(fleet, "x", "any", rights).id == "gate/2"
    with pytest.raises(ModelNotFound):
        placed(fleet, "gate/1", "any", rights)
    assert placed(fleet, "gate/1", "any", EVERYTHING).id == "secret/1"


def worker() -> WorkerInfo:
    return WorkerInfo("w", "cpu", "host", 1, "1.0", 0, state="ready")


def model(model_id: str, alias: str) -> ModelInfo:
    return ModelInfo(model_id, "object-detection", "yolov8", aliases=[alias], available_on=["cpu"])
