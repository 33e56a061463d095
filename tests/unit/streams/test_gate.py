"""Which results a sink takes."""

from __future__ import annotations

from typing import Any

from stream_service.answers import Gate, GateOptions, answer_of, objects_of, to_json
from tests.streams.results import answer, box, result

NOTHING = answer()


def passed(gate: Gate, *results: Any) -> list[int]:
    return [one.frame.number for one in results if gate.passes(one)]


def test_by_default_only_results_with_objects_pass() -> None:
    assert passed(Gate(GateOptions()), result(1, NOTHING), result(2), result(3, NOTHING), result(4)) == [2, 4]


def test_failed_frames_never_pass() -> None:
    assert not Gate(GateOptions(when="any")).passes(result(1, cause="expired"))


def test_classes_and_confidence_say_what_counts() -> None:
    gate = Gate(GateOptions(classes=["star"], min_confidence=0.5))
    rows = [box("circle"), box("star", 0.4)]
    assert passed(gate, result(1, answer(*rows)), result(2, answer(box("star", 0.6)))) == [2]


def test_changed_passes_when_the_counts_differ_and_when_all_is_gone() -> None:
    gate = Gate(GateOptions(when="changed"))
    both = answer(box("circle"), box("star"))
    results = (result(1), result(2), result(3, both), result(4, both), result(5, NOTHING), result(6, NOTHING))
    assert passed(gate, *results) == [1, 3, 5]


def test_a_change_within_the_interval_is_told_of_after_it() -> None:
    gate = Gate(GateOptions(when="changed", interval_s=0.45))
    both = answer(box("circle"), box("star"))
    assert passed(gate, result(1), *(result(number, both) for number in range(2, 10))) == [1, 6]


def test_the_interval_is_kept_for_each_source() -> None:
    gate = Gate(GateOptions(interval_s=0.25))
    assert passed(gate, result(1), result(2), result(3, source="yard"), result(4)) == [1, 3, 4]


def test_a_workflows_answer_is_found_by_name_or_by_its_predictions() -> None:
    outputs = {"count": 3, "image": {"type": "base64"}, "boxes": answer(box()), "others": answer(box("star"))}
    made = result(1, outputs=outputs)
    assert answer_of(made)["predictions"][0]["class"] == "circle"
    assert answer_of(made, "others")["predictions"][0]["class"] == "star"
    assert answer_of(made, "count") == {}


def test_classes_of_a_multi_label_classifier_are_those_over_the_threshold() -> None:
    found = {"predictions": {"a": {"confidence": 0.9}, "b": {"confidence": 0.1}}, "predicted_classes": ["a"]}
    assert objects_of(found) == [{"class": "a", "confidence": 0.9}]


def test_results_become_json_whatever_a_workflow_put_in() -> None:
    import numpy as np

    assert to_json({"a": np.float32(1.5), "b": b"x", "c": np.array([1, 2])}) == b'{"a":1.5,"b":"eA==","c":[1,2]}'
