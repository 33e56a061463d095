"""What the reference of Moondream2 was asked."""

from __future__ import annotations

OBJECTS = 12
"""Places asked for at most."""
PROMPTS = (
    "What is in the picture?",
    "caption",
    "query: detect: what?",
    "caption: short",
    "How many circles are there, and are they red? Answer in one word. Größe 🙂",
)
"""One for each of five pictures."""
THINGS = ("boat", "red circle", "Größe 🙂", "a dog", "x")
"""What is looked for in them."""
CUT = ("wide.jpg", "tall.jpg", "tiny.jpg", "strip.jpg", "huge.jpg", "turned.jpg")
"""Pictures whose crops are compared."""
SIDES = tuple((h, w) for h in (20, 378, 379, 640, 645, 1000, 2160, 4000) for w in (30, 378, 500, 912, 3840))
"""Heights and widths whose layouts are."""
