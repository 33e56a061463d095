"""msgpack <-> jobs and results. Versioned; unknown fields survive; nothing a stranger sends can run code.

A job is one msgpack map with the short field names of the dataclass; ``v`` is the version of the format. A reader
accepts any version whose known fields have the types that it knows.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

import msgpack

from shared.errors import InvalidRequest
from shared.jobs import VERSION, Job, JobResult

M = TypeVar("M", Job, JobResult)


class DecodeError(ValueError):
    """The bytes are no message of ours; the text says what is wrong with them."""


_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "kind": str,
    "media": str,
    "model": str,
    "task": (str, type(None)),
    "inputs": list,
    "params": dict,
    "hardware": str,
    "lane": str,
    "timeout_ms": int,
    "metadata": dict,
    "trace": dict,
    "folder": str,
    "outside": list,
    "owner": str,
    "key": str,
    "state": str,
    "outputs": list,
    "error": (dict, type(None)),
    "timings": dict,
    "batch": int,
    "attempt": int,
    "worker": str,
}
_JOB_FIELDS = frozenset(f.name for f in fields(Job)) - {"extra"}
_RESULT_FIELDS = frozenset(f.name for f in fields(JobResult)) - {"extra", "model"}


def pack(value: Any) -> bytes:
    """Plain data as msgpack. Raises InvalidRequest for integers and text that it does not have, though JSON does."""
    try:
        packed: bytes = msgpack.packb(value, use_bin_type=True)
    except (OverflowError, UnicodeEncodeError) as error:
        raise InvalidRequest("A value is out of range: integers have 64 bits, text is Unicode.") from error
    return packed


def unpack(data: bytes) -> Any:
    """msgpack as plain data. Raises DecodeError."""
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DecodeError(f"not msgpack: {type(error).__name__}") from error


def encode_job(job: Job) -> bytes:
    """The job as it travels in the stream."""
    return _encode(job)


def decode_job(data: bytes) -> Job:
    """The job that ``encode_job`` wrote. Raises DecodeError."""
    job = _decode(data, Job, _JOB_FIELDS, required=("id", "model"))
    if not all(isinstance(item, bytes) for item in job.inputs):
        raise DecodeError("every input of a job is a byte string")
    return job


def encode_result(result: JobResult) -> bytes:
    """The result as it travels in the reply stream and rests in the record."""
    return _encode(result)


def decode_result(data: bytes) -> JobResult:
    """The result that ``encode_result`` wrote. Raises DecodeError."""
    result = _decode(data, JobResult, _RESULT_FIELDS, required=("id", "state"))
    if isinstance(result.extra.get("model"), dict):
        result.model = result.extra.pop("model")
    return result


def _encode(message: Job | JobResult) -> bytes:
    known = {name: value for name, value in vars(message).items() if name != "extra"}
    return pack({"v": VERSION, **message.extra, **known})


def _decode(data: bytes, cls: type[M], names: frozenset[str], required: tuple[str, ...]) -> M:
    values = unpack(data)
    if not isinstance(values, dict):
        raise DecodeError(f"a {cls.__name__} is a map, not {type(values).__name__}")
    values.pop("v", None)
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in values.items():
        if name not in names:
            extra[str(name)] = value
        elif isinstance(value, _TYPES.get(name, object)):
            known[name] = value
        else:
            raise DecodeError(f"{name!r} of a {cls.__name__} is not of the type it should be")
    for name in required:
        if name not in known:
            raise DecodeError(f"a {cls.__name__} has the field {name!r}")
    return cls(**known, extra=extra)
