"""A workflow's graph as SVG: steps in columns by how far they are from the inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 46, 70, 22, 24
SELECTOR = re.compile(r"^\$(inputs|steps)\.([A-Za-z0-9_\-]+)(\..+)?$")
ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#475569"/></marker></defs>'
)
COLORS = {"input": "#dbeafe", "step": "#f1f5f9", "output": "#dcfce7"}


def edges_of(value: Any) -> Iterator[tuple[str, bool]]:
    """What a step's fields point at, and whether that is control flow (a step itself, not an output of it)."""
    if isinstance(value, str):
        found = SELECTOR.match(value)
        if found:
            kind, name, output = found.groups()
            yield f"{kind}.{name}", kind == "steps" and output is None
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from edges_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from edges_of(item)


def layers(definition: Mapping[str, Any]) -> tuple[dict[str, int], list[tuple[str, str, bool]]]:
    """The column of each node, and the edges: from, to, whether it is control flow."""
    names = {f"inputs.{item['name']}": 0 for item in definition.get("inputs", [])}
    steps = {f"steps.{item['name']}": item for item in definition.get("steps", [])}
    edges: list[tuple[str, str, bool]] = []
    for name, step in steps.items():
        for target, control in edges_of({key: value for key, value in step.items() if key not in ("type", "name")}):
            if target in names or target in steps:
                edges.append((name, target, True) if control else (target, name, False))
    columns = {**names, **dict.fromkeys(steps, 1)}
    for _ in steps:  # the longest way is at most as long as there are steps; circles end here too
        for source, target, _control in edges:
            columns[target] = min(max(columns[target], columns[source] + 1), len(steps) + 1)
    last = max(columns.values(), default=0) + 1
    for item in definition.get("outputs", []):
        name = f"outputs.{item['name']}"
        columns[name] = last
        edges += [(target, name, False) for target, _ in edges_of(item.get("selector")) if target in columns]
    return columns, edges


def svg(definition: Mapping[str, Any]) -> str:
    """The drawing. Control flow is dashed."""
    columns, edges = layers(definition)
    types = {f"steps.{item['name']}": str(item.get("type", "")) for item in definition.get("steps", [])}
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for name, column in columns.items():
        places[name] = (MARGIN + column * (WIDTH + GAP_X), MARGIN + rows.get(column, 0) * (HEIGHT + GAP_Y))
        rows[column] = rows.get(column, 0) + 1
    width = 2 * MARGIN + (max(columns.values(), default=0) + 1) * (WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + max(rows.values(), default=1) * (HEIGHT + GAP_Y) - GAP_Y
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="12">',
        ARROW,
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(_edge(places[source], places[target], control=control) for source, target, control in edges),
        *(_node(name, places[name], types.get(name, "")) for name in places),
        "</svg>",
    ]
    return "\n".join(parts)


def _edge(source: tuple[int, int], target: tuple[int, int], *, control: bool) -> str:
    x0, y0, x1, y1 = source[0] + WIDTH, source[1] + HEIGHT // 2, target[0], target[1] + HEIGHT // 2
    bend = max((x1 - x0) // 2, 30)
    dashes = ' stroke-dasharray="5 4"' if control else ""
    path = f"M{x0} {y0} C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}"
    return f'<path d="{path}" fill="none" stroke="#475569"{dashes} marker-end="url(#arrow)"/>'


def _node(name: str, at: tuple[int, int], kind: str) -> str:
    family, _, label = name.partition(".")
    x, y = at
    color = COLORS[family.removesuffix("s")]
    below = kind.removeprefix("roboflow_core/") or family.removesuffix("s")
    return (
        f'<g><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{color}" stroke="#94a3b8"/>'
        f'<text x="{x + 10}" y="{y + 19}" font-weight="bold">{escape(_short(label))}</text>'
        f'<text x="{x + 10}" y="{y + 36}" fill="#475569">{escape(_short(below))}</text></g>'
    )


def _short(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:27]}…"
