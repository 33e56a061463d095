"""Where chat templates are rendered: jinja2's immutable sandbox, in which a template gets at no Python.

A sandbox alone stops neither endless loops nor endless texts: what a template does is counted, how long its texts grow
is limited, and it has only the filters and methods that templates of models use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from typing_extensions import override

STEPS = 20_000
"""Turns of loops, calls and work on long texts of one rendering: templates in use take a few dozen a message."""
PER_STEP = 64
"""Characters or items that are worth a step."""
ROOM = 256 * 1024
"""Characters of any text and items of any list on the way."""
NESTED = 60
"""Statements and expressions inside one another."""
FILTERS = frozenset(
    (
        *(
            "capitalize",
            "count",
            "d",
            "default",
            "dictsort",
            "first",
            "float",
            "int",
            "items",
            "join",
            "last",
            "length",
        ),
        *("list", "lower", "map", "reject", "rejectattr", "replace", "reverse", "select", "selectattr", "sort"),
        *("string", "title", "tojson", "trim", "unique", "upper"),
    )
)
TEXT_METHODS = frozenset(
    (
        *("capitalize", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "islower", "isspace"),
        *("isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind"),
        *("rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"),
    )
)
DICT_METHODS = frozenset(("get", "items", "keys", "values"))
LIST_METHODS = frozenset(("count", "index"))


class Limits(ImmutableSandboxedEnvironment):
    """The sandbox, with accounts of one rendering: it is not for several threads at once."""

    intercepted_binops = frozenset(("*", "+", "%", "**", "/", "//", "-"))

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
        self.steps = 0
        setattr(self, "concat", self._concatenated)  # noqa: B010 - macros and blocks ask the instance for it
        self.filters = {name: self._limited(call) for name, call in self.filters.items() if name in FILTERS}
        self.filters |= {"tojson": _tojson, "replace": self._replaced, "join": self._joined, "counted": self._counted}
        self.filters["text_of"] = self._text
        self.globals = {"raise_exception": _refuse, "namespace": self.globals["namespace"], "range": self._range}
        self.globals |= {"dict": self.globals.get("dict", dict), "strftime_now": _now}

    @override
    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        if isinstance(obj, str):
            return attr in TEXT_METHODS
        if isinstance(obj, dict):
            return attr in DICT_METHODS
        if isinstance(obj, (list, tuple)):
            return attr in LIST_METHODS
        return not callable(value) or isinstance(obj, Macro)

    @override
    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Formats may ask for any width: there are none."""
        if isinstance(getattr(value, "__self__", None), str) and value.__name__ in ("format", "format_map"):
            raise SecurityError("chat templates format no texts")
        return None

    @override
    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        self._step()
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            return self._replaced(owner, *args)
        if isinstance(owner, str) and name == "join":
            return self._joined(args[0] if args else (), owner)
        return self._fits(super().call(context, obj, *args, **kwargs))

    @override
    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self._step()
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"chat templates have no {operator!r} of this kind")
        if operator == "*":
            sized = next((value for value in (left, right) if isinstance(value, (str, list, tuple))), None)
            factor = right if sized is left else left
            if sized is not None and isinstance(factor, int):
                self._room(len(sized) * max(0, factor))
        return self._fits(super().call_binop(context, operator, left, right))

    @override
    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """Loops are counted, joined texts measured; what is nested too deeply is refused before it is compiled."""
        _check(source, NESTED)
        for loop in source.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
        _measured(source)
        return super()._generate(source, *args, **kwargs)

    def render(self, template: Template, values: Mapping[str, Any]) -> str:
        """The text for these values. Raises TemplateError and what else a template may run into."""
        self.steps = 0
        written: list[str] = []
        length = 0
        for piece in template.generate(**values):
            length += len(piece)
            self._room(length)
            written.append(piece)
        return "".join(written)

    def _step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > STEPS:
            raise SecurityError(f"it takes more than {STEPS} steps")

    def _room(self, length: int) -> None:
        if length > ROOM:
            raise SecurityError(f"it makes more than {ROOM} characters")

    def _fits(self, value: Any) -> Any:
        if isinstance(value, (str, list, tuple, range)):
            self._room(len(value))
            self._step(len(value) // PER_STEP)
        elif isinstance(value, int) and value.bit_length() > 64:
            raise SecurityError("it counts too far")
        return value

    def _limited(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The filter, its result measured. What jinja2 notes on the function stays."""

        def measured(*args: Any, **kwargs: Any) -> Any:
            self._step()
            for arg in args:
                self._fits(arg)
            return self._fits(call(*args, **kwargs))

        measured.__dict__.update(getattr(call, "__dict__", {}))
        return measured

    def _counted(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self._step()
            yield value

    def _replaced(self, text: Any, old: Any, new: Any, count: int = -1) -> str:
        whole, before, after = str(text), str(old), str(new)
        self._step()
        times = whole.count(before) if count < 0 else min(count, whole.count(before))
        self._room(len(whole) + times * max(0, len(after) - len(before)))
        return whole.replace(before, after, times)

    def _joined(self, values: Iterable[Any] = (), between: Any = "", attribute: Any = None) -> str:
        parts = [str(value if attribute is None else self.getitem(value, attribute)) for value in self._counted(values)]
        self._room(sum(map(len, parts)) + len(str(between)) * len(parts))
        return str(between).join(parts)

    def _concatenated(self, pieces: Iterable[str]) -> str:
        found = list(pieces)
        self._room(sum(map(len, found)))
        return "".join(found)

    def _text(self, value: Any) -> str:
        self._step()
        return str(self._fits(str(value)))

    def _range(self, *bounds: int) -> range:
        found = range(*bounds)
        self._fits(found)
        return found


class Generation(Extension):
    """``{% generation %}`` marks what an assistant wrote, for training; it changes nothing here."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    @override
    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _check(node: nodes.Node, left: int) -> None:
    if left == 0:
        raise SecurityError(f"it nests more than {NESTED} statements")
    for child in node.iter_child_nodes():
        _check(child, left - 1)


def _measured(node: nodes.Node) -> None:
    """``~`` makes a text that no operator or call is asked about; it is passed through a filter that measures it."""
    for name, value in node.iter_fields():
        values = value if isinstance(value, list) else [value]
        for at, child in enumerate(values):
            if not isinstance(child, nodes.Node):
                continue
            _measured(child)
            if isinstance(child, nodes.Concat):
                made = nodes.Filter(child, "text_of", [], [], None, None, lineno=child.lineno)
                if isinstance(value, list):
                    value[at] = made
                else:
                    setattr(node, name, made)


def _tojson(value: Any, *, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
    """As transformers: no escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=None if indent is None else min(int(indent), 8))


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _now(form: str) -> str:
    """Today, for templates that tell the model."""
    if len(form) > 100 or any(letter.isdigit() for letter in form):
        raise SecurityError("its date has an unusual form")
    return datetime.now(timezone.utc).strftime(form)
