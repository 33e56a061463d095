"""What becomes of memory that a picture no longer needs. Only glibc can be told; elsewhere nothing happens.

As it comes, it hands every large block back to the kernel and fetches it anew, page by page, for the next picture: with
1920 x 1080 pixels that took 6.9 of 29 ms of processor time an image (docs/benchmarks.md).
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
KEPT = 256 * 2**20
"""Bytes that stay with us when they are free."""
PIECE = 32 * 2**20
"""Bytes from which on a block is mapped by itself, and goes back at once; the most that glibc takes."""


def keep_pages() -> bool:
    """Keep what is free for what comes next; whether the C library can."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_THRESHOLD, PIECE) and mallopt(M_TRIM_THRESHOLD, KEPT))


def give_back() -> None:
    """Hand what is free to the kernel, after a model has gone: it is more than pictures need. Takes milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
