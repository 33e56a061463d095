"""Errors on their way between processes."""

from __future__ import annotations

from shared.errors import ModelNotFound, VisionfleetError, from_dict
from shared.workflows.store import WorkflowNotFound


def test_errors_come_back_as_what_they_are_wherever_they_are_defined() -> None:
    for kind in (ModelNotFound, WorkflowNotFound):
        error = from_dict(kind("It is not there.", id="x").to_dict())
        assert type(error) is kind
        assert (error.message, error.details) == ("It is not there.", {"id": "x"})


def test_an_unknown_code_keeps_its_message() -> None:
    error = from_dict({"code": "of_a_newer_peer", "message": "Something new."})
    assert (type(error), error.message) == (VisionfleetError, "Something new.")
