"""Which models a workflow needs, as far as the API can tell."""

from __future__ import annotations

from api_service.fetching import model_ids


def test_models_that_steps_name() -> None:
    specification = {
        "inputs": [
            {"type": "WorkflowParameter", "name": "model", "default_value": "a/1"},
            {"type": "WorkflowParameter", "name": "other"},
        ],
        "steps": [
            {"name": "s1", "model_id": "b/2"},
            {"name": "s2", "model_id": "$inputs.model"},
            {"name": "s3", "model_id": "$inputs.other"},
            {"name": "s4", "model_id": "$steps.s1.x"},
            {"name": "s5", "model_id": "b/2"},
            {"name": "s6"},
        ],
    }
    assert model_ids(specification, {"other": "c/3"}) == ["b/2", "a/1", "c/3", "$steps.s1.x"]
    assert model_ids(specification, {"model": "d/4"}) == ["b/2", "d/4", "$steps.s1.x"]


def test_what_is_no_workflow_needs_no_model() -> None:
    for wrong in ({}, {"steps": 7}, {"steps": [7, None, {"model_id": 7}], "inputs": "x"}, {"inputs": [7]}):
        assert model_ids(wrong, {}) == []
