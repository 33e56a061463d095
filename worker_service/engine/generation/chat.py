"""Chat templates: Jinja texts of a model's folder that say how a conversation is written for the model.

They come with the weights, from strangers: ``sandbox.py`` renders them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from jinja2 import TemplateError

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.generation.sandbox import Limits

FILES = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")
"""Where exporters put the template; the first that has one counts."""
LONGEST = 64 * 1024
"""Characters of a template."""
Message = Mapping[str, Any]


class ChatTemplate:
    """One model's template."""

    def __init__(self, source: str, tokens: Mapping[str, str] | None = None) -> None:
        """``tokens`` are ``bos_token`` and the like, which templates name. Raises ModelLoadFailed when it cannot be."""
        if len(source) > LONGEST:
            raise ModelLoadFailed(f"The chat template has more than {LONGEST} characters.")
        self._tokens, self._limits, self._turn = dict(tokens or {}), Limits(), Lock()
        try:
            self._template = self._limits.from_string(source)
        except (TemplateError, RecursionError, SyntaxError, MemoryError) as error:
            raise ModelLoadFailed(f"The chat template is refused: {_reason(error)}.") from error

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool = True) -> str:
        """The conversation as the model reads it. Raises ModelLoadFailed when the template fails or is refused."""
        values = {**self._tokens, "messages": list(messages), "add_generation_prompt": add_generation_prompt}
        try:
            with self._turn:
                return self._limits.render(self._template, values)
        except Exception as error:  # a template is a program: anything may come out of it
            raise ModelLoadFailed(f"The chat template failed: {_reason(error)}.") from error


def template_of(package: Package) -> ChatTemplate | None:
    """The template of the model's folder, where it has one. Raises ModelLoadFailed."""
    listed = [name for name in FILES if name in package.manifest.files]
    stated = {name: _read(package, name) for name in listed}
    tokens = _tokens(stated.get(FILES[-1], {}))
    own = (package.manifest.model_extra or {}).get("chat_template")
    found = [own, *(stated[name].get("chat_template") for name in listed)]
    source = next((text for text in map(_default, found) if text is not None), None)
    return None if source is None else ChatTemplate(source, tokens)


def _default(stated: Any) -> str | None:
    """The template, or of several the one that is called so."""
    if isinstance(stated, list):
        stated = next((each.get("template") for each in stated if each.get("name") == "default"), None)
    return stated if isinstance(stated, str) else None


def _read(package: Package, name: str) -> dict[str, Any]:
    try:
        text = (package.root / name).read_text("utf-8")
        value = {"chat_template": text} if name == FILES[0] else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadFailed(f"{name} cannot be read.") from error
    if not isinstance(value, dict):
        raise ModelLoadFailed(f"{name} holds no JSON object.")
    return value


def _tokens(config: Mapping[str, Any]) -> dict[str, str]:
    """``bos_token`` and the like, each a text or an object with its ``content``."""
    found = {}
    for name, value in config.items():
        text = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(text, str):
            found[name] = text
    return found


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200] if isinstance(error, TemplateError) else type(error).__name__
