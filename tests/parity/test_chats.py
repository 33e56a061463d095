"""Chat templates against transformers' ``apply_chat_template``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.errors import ModelLoadFailed
from tests.parity import chats
from worker_service.engine.generation.chat import ChatTemplate

KNOWN = json.loads((Path(__file__).parent / "splitting" / "chats.json").read_bytes())


@pytest.mark.parametrize("name", chats.TEMPLATES)
def test_conversations_are_written_as_by_the_reference(name: str) -> None:
    template = ChatTemplate(chats.TEMPLATES[name], chats.TOKENS)
    for title, talk in chats.CONVERSATIONS.items():
        found = [template.render(talk, add_generation_prompt=asked) for asked in (True, False)]
        assert found == KNOWN[name][title], title


def test_a_template_may_refuse_a_conversation() -> None:
    wrong = [*chats.CONVERSATIONS["question"], *chats.CONVERSATIONS["question"]]
    with pytest.raises(ModelLoadFailed, match="roles must alternate"):
        ChatTemplate(chats.TEMPLATES["turns"], chats.TOKENS).render(wrong)
