"""What transformers' ``apply_chat_template`` makes of the conversations of ``chats.py``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from tests.parity import chats

FILE = Path(chats.__file__).parent / "splitting" / "chats.json"


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the case; ``cache`` is not needed."""
    del cache
    if only not in ("all", "chats"):
        return
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, "a")), **chats.TOKENS)
    found: dict[str, dict[str, list[str]]] = {}
    for name, template in chats.TEMPLATES.items():
        found[name] = {
            title: [
                words.apply_chat_template(
                    talk, chat_template=template, tokenize=False, add_generation_prompt=asked
                )
                for asked in (True, False)
            ]
            for title, talk in chats.CONVERSATIONS.items()
        }  # fmt: skip
    FILE.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    yield "chats"
