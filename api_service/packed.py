"""msgpack bodies from strangers: looked through before anything is built of them.

The look counts, it does not build: a header of five bytes can announce four thousand million entries, for which a
decoder would at once reserve the room. What passes has at most so many values, nested no deeper than JSON may be, and
no extension types, so that decoding it costs about what was sent.
"""

from __future__ import annotations

import msgpack

from api_service.errors import ValidationFailed
from shared.errors import TooLarge

TYPES = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})
MAX_DEPTH = 200
"""As deep as the JSON parser goes (jiter's limit)."""

# By first byte, as the specification of msgpack has them (github.com/msgpack/msgpack/blob/master/spec.md).
BYTES_OF_SCALAR = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
BYTES_OF_SCALAR |= {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
BYTES_OF_SCALAR |= dict.fromkeys((*range(128), *range(224, 256)), 0)  # small integers
BYTES_OF_SCALAR |= {0xA0 + size: size for size in range(32)}  # short texts
CHILDREN = {0x80 + size: 2 * size for size in range(16)} | {0x90 + size: size for size in range(16)}
# Bytes of the length, and values per unit of it; 0 where it counts bytes.
COUNTED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
COUNTED |= {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def unpack(data: bytes, max_items: int) -> object:
    """The value in a body.

    Raises:
        ValidationFailed: it is no msgpack, is nested too deeply, or has what JSON has not (extensions, keys that are no
            texts).
        TooLarge: more than ``max_items`` values in all.
    """
    check(data, max_items)
    try:
        value: object = msgpack.unpackb(data, raw=False)
    except (ValueError, TypeError, msgpack.UnpackException):
        raise invalid("texts must be UTF-8 and keys must be texts") from None
    return value


def check(data: bytes, max_items: int) -> None:
    """Look through the headers of the values. Raises as ``unpack``."""
    position, left, open_ = 0, max_items, [1]
    while open_:
        if not open_[-1]:
            open_.pop()
            continue
        open_[-1] -= 1
        position, children = step(data, position)
        if children:
            left -= children
            open_.append(children)
        if left < 0:
            raise TooLarge(f"The body has more than {max_items} values (VISIONFLEET_MAX_MSGPACK_ITEMS).")
        if len(open_) > MAX_DEPTH:
            raise invalid(f"it is nested deeper than {MAX_DEPTH} levels")
    if position != len(data):
        raise invalid("there are bytes behind its end")


def step(data: bytes, position: int) -> tuple[int, int]:
    """Where the next value begins, and how many values this one announces. Raises ValidationFailed."""
    if position >= len(data):
        raise invalid("it breaks off")
    head, behind = data[position], position + 1
    children = CHILDREN.get(head, 0)
    if head in COUNTED:
        width, each = COUNTED[head]
        length = int.from_bytes(data[behind : behind + width], "big")
        behind, children = behind + width + (0 if each else length), length * each
    elif head in BYTES_OF_SCALAR:
        behind += BYTES_OF_SCALAR[head]
    elif head not in CHILDREN:
        raise invalid("extension types are not accepted")
    if behind > len(data):
        raise invalid("it breaks off")
    return behind, children


def invalid(reason: str) -> ValidationFailed:
    """What is said of a body that cannot be read, as of JSON that cannot."""
    return ValidationFailed([{"type": "msgpack_invalid", "loc": ["body"], "msg": f"Invalid msgpack: {reason}"}])
