"""Characters out of a recogniser's steps: connectionist temporal classification, the likeliest path."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed

BLANK = 0


def read(steps: npt.NDArray[Any], alphabet: tuple[str, ...]) -> tuple[str, float]:
    """The text of [steps, classes] probabilities, and the mean probability of its characters; "" and 0 for none.

    Class 0 is the blank; a class that follows itself is the same character going on.

    Raises:
        InferenceFailed: the classes are not those of the alphabet.
    """
    if steps.ndim != 2 or steps.shape[1] != len(alphabet) or not np.isfinite(steps).all():
        raise InferenceFailed(f"The recogniser answers {list(steps.shape)}; its alphabet has {len(alphabet)} classes.")
    best = steps.argmax(1)
    fresh = np.concatenate([[True], best[1:] != best[:-1]])
    kept = np.flatnonzero(fresh & (best != BLANK))
    if not len(kept):
        return "", 0.0
    return "".join(alphabet[i] for i in best[kept]), float(steps[kept, best[kept]].mean())
