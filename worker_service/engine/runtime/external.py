"""Which files an ONNX graph keeps its weights in and whose operators it uses, read from the protobuf itself.

ONNX Runtime opens whatever path a graph names, so the names are looked at first. The ``onnx`` package would do it,
but it loads every weight and is no run-time dependency. Field numbers are those of onnx.proto3; only length-delimited
fields matter here, everything else is skipped.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.errors import ModelLoadFailed

# message -> {field number: message of that field}; messages not listed are not entered.
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
    "Entry": {},
}
_MAX_DEPTH = 64
# Operators that ONNX Runtime has built in. Others come from libraries, which would run in the worker.
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"})
# A node that stands for an engine which an execution provider compiled: it names a file, or holds code itself.
_COMPILED = frozenset({"EPContext"})
_OP_TYPE, _DOMAIN, _FUNCTION_NAME, _FUNCTION_DOMAIN = 4, 7, 1, 10


def external_locations(path: Path) -> set[str]:
    """Every external-data location that the graph names, as written in it.

    Raises:
        ModelLoadFailed: the file is no ONNX protobuf.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return set(_locations(data, 0, len(data), "Model", 0))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ModelLoadFailed(f"{path.name} is not an ONNX file.") from error


def foreign_operators(path: Path) -> set[str]:
    """Operators that no plain ONNX Runtime has and that the graph does not define itself, as ``domain:name``.

    Raises:
        ModelLoadFailed: the file is no ONNX protobuf.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = list(_operators(data, 0, len(data), "Model", 0))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ModelLoadFailed(f"{path.name} is not an ONNX file.") from error
    defined = {name for name, is_definition in found if is_definition}
    used = {name for name, is_definition in found if not is_definition}
    return {f"{domain}:{name}" for domain, name in used - defined if domain not in _DOMAINS or name in _COMPILED}


def operators(path: Path) -> set[tuple[str, str]]:
    """(domain, name) of every operator that the graph uses or defines. Raises ModelLoadFailed."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return {found for found, _ in _operators(data, 0, len(data), "Model", 0)}
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ModelLoadFailed(f"{path.name} is not an ONNX file.") from error


def _operators(data: Any, start: int, end: int, message: str, depth: int) -> Iterator[tuple[tuple[str, str], bool]]:
    """((domain, name), whether it is defined here) of each node and each function."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if message in {"Tensor", "SparseTensor"}:
        return
    name_at, domain_at = (_FUNCTION_NAME, _FUNCTION_DOMAIN) if message == "Function" else (_OP_TYPE, _DOMAIN)
    name = domain = ""
    for field, a, b in _fields(data, start, end):
        if field in _CHILDREN[message]:
            yield from _operators(data, a, b, _CHILDREN[message][field], depth + 1)
        elif message in {"Node", "Function"} and field == name_at:
            name = bytes(data[a:b]).decode()
        elif message in {"Node", "Function"} and field == domain_at:
            domain = bytes(data[a:b]).decode()
    if message in {"Node", "Function"}:
        yield (domain, name), message == "Function"


def _locations(data: Any, start: int, end: int, message: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if message == "Entry":
        entry = {field: bytes(data[a:b]) for field, a, b in _fields(data, start, end)}
        if entry.get(1) == b"location":
            yield entry.get(2, b"").decode()
        return
    children = _CHILDREN[message]
    for field, a, b in _fields(data, start, end):
        if field in children:
            yield from _locations(data, a, b, children[field], depth + 1)


def _fields(data: Any, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each length-delimited field between two offsets."""
    while at < end:
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(data, at, end)
        elif kind == 2:
            length, at = _varint(data, at, end)
            if at + length > end:
                raise ValueError("field runs over its message")
            yield tag >> 3, at, at + length
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError("unknown wire type")
    if at != end:
        raise ValueError("message ends inside a field")


def _varint(data: Any, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("varint does not end")
