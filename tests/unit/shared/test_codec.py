"""Jobs survive the trip; unknown fields survive a pass through an older peer; garbage raises DecodeError only."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.codec import DecodeError, decode_job, decode_result, encode_job, encode_result, pack, unpack
from shared.errors import InvalidRequest
from shared.jobs import Job, JobResult

text = st.text(max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | text | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.binary(max_size=50), max_size=3), st.dictionaries(text, plain, max_size=3), text)
def test_a_job_survives(inputs: list[bytes], params: dict[str, object], model: str) -> None:
    job = Job(model, inputs, params=params, lane="bulk", trace={"traceparent": "00-1"})
    assert decode_job(encode_job(job)) == job


def test_unknown_fields_survive() -> None:
    newer = {**unpack(encode_job(Job("m", id="1"))), "v": 9, "colour": "blue"}
    passed_on = unpack(encode_job(decode_job(pack(newer))))
    assert passed_on["colour"] == "blue"


def test_a_result_survives() -> None:
    result = JobResult(
        "1", "succeeded", [{"output": {"a": 1}}], model={"id": "m", "digest": "d"}, timings={"queue": 1.5}
    )
    assert decode_result(encode_result(result)) == result


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode_job(data)


@given(st.dictionaries(st.sampled_from(["id", "model", "inputs", "params", "timeout_ms", "v", "x"]), plain))
def test_wrong_types_are_refused(values: dict[str, object]) -> None:
    with contextlib.suppress(DecodeError):
        job = decode_job(pack(values))
        assert isinstance(job.id, str)
        assert isinstance(job.params, dict)


@pytest.mark.parametrize("missing", ["id", "model"])
def test_required_fields(missing: str) -> None:
    values = unpack(encode_job(Job("m")))
    del values[missing]
    with pytest.raises(DecodeError, match=missing):
        decode_job(pack(values))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {"a": [10**40]}, "\ud800"])
def test_what_json_has_and_msgpack_has_not_is_the_callers_fault(value: object) -> None:
    """Found by bench.fuzz: workflow definitions with such numbers were answered with 500."""
    with pytest.raises(InvalidRequest, match="64 bits"):
        pack(value)
    with pytest.raises(InvalidRequest):
        encode_job(Job("m", [], params={"specification": value}))
