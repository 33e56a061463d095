"""What the references of generating models were asked."""

from __future__ import annotations

from typing import Any

TOKENS = 220
"""Of each greedy text: beyond 200, that errors which add up can show."""
BEAMS: dict[str, dict[str, Any]] = {
    "three": {"num_beams": 3, "early_stopping": True, "no_repeat_ngram_size": 3, "max_new_tokens": 60},
    "four": {"num_beams": 4, "length_penalty": 2.0, "max_new_tokens": 40},
    "never": {"num_beams": 2, "early_stopping": "never", "length_penalty": 0.5, "max_new_tokens": 40},
    "penalty": {"num_beams": 2, "repetition_penalty": 1.3, "max_new_tokens": 40},
}
"""Ways of searching, under transformers' names."""
