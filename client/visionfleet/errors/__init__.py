"""Errors of the client. They mirror the server's: same codes, same names, same tree (``mirrored.py``), and a few of
the client's own below them (``own.py``). docs/reference/errors.md lists all of them.
"""

from __future__ import annotations

from visionfleet.errors.base import VisionfleetError
from visionfleet.errors.mirrored import *  # noqa: F403 - its __all__ is made from the server's tree
from visionfleet.errors.own import BadAnswer, BadSignature, NotInstalled, ServerUnreachable, ValidationFailed
from visionfleet.errors.reading import BY_CODE, from_dict

__all__ = [
    "BY_CODE",
    "BadAnswer",
    "BadSignature",
    "NotInstalled",
    "ServerUnreachable",
    "ValidationFailed",
    "VisionfleetError",
    "from_dict",
]
