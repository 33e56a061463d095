"""Compiles ``kernels.cu`` of ``worker_service/engine/runtime``: ``python -m tests.unit.engine.kernels``.

Needs cuda-bindings and NVRTC (``pip install cuda-bindings nvidia-cuda-nvrtc``), but no GPU. The result is what every
driver compiles for its card: an old version of PTX for an old architecture, which newer ones go on to understand.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

RUNTIME = Path(__file__).parents[3] / "worker_service/engine/runtime"
SOURCE, COMPILED = RUNTIME / "kernels.cu", RUNTIME / "kernels.ptx"
ARCHITECTURE = b"compute_75"
"""The oldest that CUDA 13 compiles for: Turing."""
VERSION = "7.0"
"""Of PTX; nothing newer is used, and drivers refuse versions that are newer than they are."""


def digest() -> str:
    """Names the source that the compiled file belongs to."""
    return "// source " + hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def compiled() -> str:
    """The source as PTX."""
    from cuda.bindings import nvrtc

    def asked(answer: tuple[Any, ...]) -> Any:
        error, *rest = answer
        if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            sys.exit(f"{error}\n{log(program)}")
        return rest[0] if rest else None

    def log(program: Any) -> str:
        room = b" " * nvrtc.nvrtcGetProgramLogSize(program)[1]
        nvrtc.nvrtcGetProgramLog(program, room)
        return room.decode()

    program = asked(nvrtc.nvrtcCreateProgram(SOURCE.read_bytes(), SOURCE.name.encode(), 0, [], []))
    options = [b"--gpu-architecture=" + ARCHITECTURE, b"--fmad=false"]
    asked(nvrtc.nvrtcCompileProgram(program, len(options), options))
    text = b" " * asked(nvrtc.nvrtcGetPTXSize(program))
    asked(nvrtc.nvrtcGetPTX(program, text))
    body = text.rstrip(b"\0 ").decode()
    return re.sub(r"^\.version .*$", f".version {VERSION}", body, flags=re.MULTILINE)


def main() -> None:
    COMPILED.write_text(f"{digest()}\n{compiled().strip()}\n")


if __name__ == "__main__":
    main()
