"""What the references of models that read image and words as one sequence were asked."""

from __future__ import annotations

SIDE, LONGEST = 32, 96
"""Pixels of a tile, and of the longer side before an image is cut."""
SHARP = 6.0
"""How much sharper than seeded the decoders look, so that they do not repeat themselves."""
PROMPTS = (
    "What is in the picture?",
    "detect boat ; dog",
    "caption en",
    "How many circles are there, and are they red? Answer in one word. Größe 🙂",
    "",
)
"""One for each of five pictures."""
