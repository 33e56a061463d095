"""The process of one Python block: takes calls on stdin, answers on stdout, and can do little else.

    python -I child.py ROOT        ROOT is the folder that holds ``shared``

The first message is {code, imports, run, init, limits}, every further one the fields of a call. Answers are
{value} or {error: {type, message, line}}; each message is four bytes of length and msgpack.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import resource
import signal
import struct
import sys
import traceback
from types import ModuleType, SimpleNamespace
from typing import Any, BinaryIO

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
HEAD = struct.Struct(">I")


def confine(memory: int) -> None:
    """Limits of the kernel, and no network where an unprivileged process may leave it."""
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(AttributeError, OSError):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


def namespace(imports: list[str]) -> dict[str, Any]:
    """The names that code of blocks may use without importing them."""
    lines = [
        "from typing import Any, Dict, List, Optional, Set, Tuple, Union",
        "import json, math, os, time",
        "import cv2",
        "import numpy as np",
        "import supervision as sv",
        "from shared.workflows.batch import Batch",
        "from shared.workflows.block import FlowControl",
        "from shared.workflows.images import WorkflowImage as WorkflowImageData",
        "BlockResult = Any",
        "debug_traces = []",
    ]
    made: dict[str, Any] = {"__name__": "python_block"}
    exec("\n".join(lines), made)  # noqa: S102 - our own lines
    _other_names(made)
    exec("\n".join(imports), made)  # noqa: S102 - running the caller's code is what this process is for
    return made


def _other_names(made: dict[str, Any]) -> None:
    """Code written for Roboflow's engine imports these from its package."""
    for path, names in {
        "inference.core.workflows.execution_engine.entities.base": ("Batch", "WorkflowImageData"),
        "inference.core.workflows.prototypes.block": ("BlockResult",),
        "inference.core.workflows.execution_engine.v1.entities": ("FlowControl",),
    }.items():
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:depth]), ModuleType(parts[depth - 1]))
        for name in names:
            setattr(sys.modules[path], name, made[name])


def main() -> None:
    """Until stdin ends."""
    sys.path.insert(0, sys.argv[1])
    from shared.codec import pack, unpack  # noqa: PLC0415 - the path was just set
    from shared.workflows.python.values import pack_value, unpack_value  # noqa: PLC0415 - the same

    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdin, sys.stdout = io.StringIO(), io.StringIO()
    first_message = receive(source)
    if not first_message:
        return  # a spare one that nobody needed
    setup = unpack(first_message)
    names = namespace(setup["imports"])
    confine(setup["memory"])
    itself = SimpleNamespace(_init_results={}, _workflow_step_name=setup["step"])
    first = True
    while data := receive(source):
        try:
            if first:
                exec(compile(setup["code"], "<python block>", "exec"), names)  # noqa: S102 - as above
                if setup["init"]:
                    itself._init_results = names[setup["init"]]()  # noqa: SLF001 - what the code expects
                first = False
            fields = {name: unpack_value(value) for name, value in unpack(data).items()}
            answer = {"value": pack_value(names[setup["run"]](itself, **fields))}
        except Exception as error:  # noqa: BLE001 - whatever the code raises is its answer
            answer = {"error": described(error)}
        send(sink, pack(answer))


def described(error: Exception) -> dict[str, Any]:
    """What went wrong, and in which line of the block's code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<python block>"]
    return {"type": type(error).__name__, "message": str(error)[:1000], "line": frames[-1].lineno if frames else None}


def receive(source: BinaryIO) -> bytes:
    """One message; nothing at the end."""
    head = source.read(HEAD.size)
    return source.read(HEAD.unpack(head)[0]) if len(head) == HEAD.size else b""


def send(sink: BinaryIO, data: bytes) -> None:
    """One message."""
    sink.write(HEAD.pack(len(data)) + data)
    sink.flush()


if __name__ == "__main__":
    main()
