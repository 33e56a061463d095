"""What families of models that look and write share: what a manifest should say of their image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from worker_service.engine.family import Guess
from worker_service.engine.generation.options import FILE as CONFIG
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.tokens import FILE as WORDS

Three = tuple[float, float, float]
HALF: Three = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Look:
    """How their processors make an image ready: a stretch to the graph's size, or ``side`` where it leaves that open.

    ``beside`` are files that the family reads beside tokenizer and options.
    """

    side: int
    interpolation: str
    mean: Three = HALF
    std: Three = HALF
    beside: Sequence[str] = ()

    def guess(self, signature: GraphSignature) -> Guess:
        """For the graph that sees the image."""
        image = signature.inputs[0] if signature.inputs else None
        rank = len(image.shape) if image else 4
        size = {
            "width": (image and image.fixed(rank - 1)) or self.side,
            "height": (image and image.fixed(rank - 2)) or self.side,
        }
        way = {"resize": "stretch", "interpolation": self.interpolation, "mean": self.mean, "std": self.std}
        return Guess(classes=0, input={**size, **way}, beside=(WORDS, CONFIG, *self.beside))


class WriterFamily:
    """A family of several graphs but for its name, its task, its ``layouts``, ``matches_graphs`` and ``load``."""

    sees: ClassVar[str]
    """The graph that is fed the image."""
    look: ClassVar[Look]

    def matches(self, signature: GraphSignature) -> float | None:
        """Never: one part alone could be anything's."""
        del signature
        return None

    def guess(self, signature: GraphSignature) -> Guess:
        """The processor's settings."""
        return self.look.guess(signature)

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The same, by the graph that sees."""
        return self.guess(graphs[self.sees])
