"""The driver's own calls, where cuda-bindings of the extra ``gpu`` is installed; both are None without it."""

from __future__ import annotations

from typing import Any

try:
    from cuda.bindings import driver
    from cuda.bindings import runtime as cudart
except ImportError:
    driver = cudart = None

__all__ = ["checked", "cudart", "driver"]


def checked(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    """What follows the error code. Raises RuntimeError when it is one."""
    error, *rest = answer
    if int(error):
        raise RuntimeError(f"CUDA refused: {error.name}")
    return tuple(rest)
