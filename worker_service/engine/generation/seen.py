"""What the manifest of a model that looks and writes should say of its image."""

from __future__ import annotations

from collections.abc import Sequence

from worker_service.engine.family import Guess
from worker_service.engine.generation.options import FILE as CONFIG
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.tokens import FILE as WORDS

Three = tuple[float, float, float]
HALF: Three = (0.5, 0.5, 0.5)


def guess_image(
    signature: GraphSignature, side: int, interpolation: str, mean: Three, std: Three, beside: Sequence[str] = ()
) -> Guess:
    """A stretch to the size of the graph's image, or ``side`` pixels where it leaves that open."""
    image = signature.inputs[0] if signature.inputs else None
    rank = len(image.shape) if image else 4
    size = {
        "width": (image and image.fixed(rank - 1)) or side,
        "height": (image and image.fixed(rank - 2)) or side,
    }
    way = {"resize": "stretch", "interpolation": interpolation, "mean": mean, "std": std}
    return Guess(classes=0, input={**size, **way}, beside=(WORDS, CONFIG, *beside))
