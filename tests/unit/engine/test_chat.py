"""Chat templates that mean no good, and where a model's folder has its own."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.generation.chat import LONGEST, ChatTemplate, template_of

TALK = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "hi"}]}]
DOUBLING = "{%% set ns = namespace(x=%s) %%}{%% for i in range(60) %%}%s{%% endfor %%}{{ ns.x }}"
NASTY = {
    "loops in loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "long lists in loops": "{% for a in range(9999) %}{{ range(9999) | list }}{% endfor %}",
    "a long range": "{{ range(100000000) | list }}",
    "a product": "{{ 'a' * 1000000000 }}",
    "a power": "{{ 2 ** 100000000 }}",
    "numbers that square": DOUBLING % ("3", "{% set ns.x = ns.x * ns.x %}"),
    "doubling by ~": DOUBLING % ("'a'", "{% set ns.x = ns.x ~ ns.x %}"),
    "doubling by +": DOUBLING % ("'a'", "{% set ns.x = ns.x + ns.x %}"),
    "doubling lists": DOUBLING % ("[1]", "{% set ns.x = ns.x + ns.x %}"),
    "doubling by a block": DOUBLING % ("'a'", "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}"),
    "doubling by join": DOUBLING % ("'a'", "{% set ns.x = [ns.x, ns.x] | join %}"),
    "wide by %": "{{ '%1000000000d' % 1 }}",
    "wide by format": "{{ '{:1000000000}'.format(1) }}",
    "format in a variable": "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "wide by center": "{{ 'a' | center(1000000000) }}",
    "wide by ljust": "{{ 'a'.ljust(1000000000) }}",
    "wide by date": "{{ strftime_now('%1000000000Y') }}",
    "replaced by more": "{{ ('a' * 200000) | replace('a', 'b' * 1000) }}",
    "replaced by a method": "{{ ('a' * 200000).replace('a', 'b' * 1000) }}",
    "joined by a method": "{{ ('a' * 100000).join(['b'] * 100000) }}",
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "classes by a filter": "{{ messages | attr('__class__') }}",
    "classes by an item": "{{ messages['__class__'].x.y }}",
    "globals of a function": "{{ raise_exception.__globals__.x }}",
    "globals of a class": "{{ namespace.__init__.__globals__ }}",
    "classes of dict": "{{ dict.__subclasses__() }}",
    "an import": "{% import 'os' as os %}{{ os }}",
    "an include": "{% include '/etc/passwd' %}",
    "another template": "{% extends '/etc/passwd' %}",
    "changing what it is given": "{{ messages.append(1) }}",
    "changing inside": "{{ messages[0].update({'role': 'x'}) }}",
    "calling itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "calling itself twice": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(29) }}",
    "a loop that calls itself": "{% for a in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "deep brackets": "{{ " + "(" * 400 + "1" + ")" * 400 + " }}",
    "deep signs": "{{ " + "-" * 400 + "1 }}",
    "deep statements": "{% if 1 %}" * 200 + "{% endif %}" * 200,
    "unfinished": "{% if",
    "too long": "a" * (LONGEST + 1),
    "missing": "{{ messages[0].x.y }}",
    "its own words": "{{ raise_exception('no system role') }}",
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_templates_are_refused(name: str) -> None:
    with pytest.raises(ModelLoadFailed, match="chat template"):
        ChatTemplate(NASTY[name]).render(TALK)
    assert TALK[0] == {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "hi"}]}


def test_accounts_are_of_one_rendering() -> None:
    template = ChatTemplate("{% for i in range(5000) %}{{ i % 10 }}{% endfor %}")
    assert {len(template.render(TALK)) for _ in range(20)} == {5000}


def package(folder: Path, **stated: Any) -> Package:
    manifest = SimpleNamespace(id="m", files={file.name: "" for file in folder.iterdir()}, model_extra=stated)
    return Package(cast("Any", manifest), folder)


def test_where_a_folder_has_its_template(tmp_path: Path) -> None:
    assert template_of(package(tmp_path)) is None
    several = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "{{ bos_token }}several"}]
    config = {"bos_token": {"content": "<s>"}, "chat_template": several}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    expected = ["<s>several"]
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "json {{ messages | length }}"}))
    expected.append("json 1")
    (tmp_path / "chat_template.jinja").write_text("jinja{{ bos_token }}")
    expected.append("jinja<s>")
    found = []
    for name in ("chat_template.jinja", "chat_template.json", "tokenizer_config.json"):
        template = template_of(package(tmp_path))
        assert template is not None
        found.append(template.render(TALK))
        (tmp_path / name).unlink()
    assert found == expected[::-1]
    own = template_of(package(tmp_path, chat_template="own"))
    assert own is not None
    assert own.render(TALK) == "own"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("[" * 100_000)
    with pytest.raises(ModelLoadFailed, match="cannot be read"):
        template_of(package(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text("[]")
    with pytest.raises(ModelLoadFailed, match="no JSON object"):
        template_of(package(tmp_path))
