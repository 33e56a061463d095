"""A workflow's graph as a drawing, SVG or PNG: steps in columns by how far they are from the inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from io import BytesIO
from itertools import pairwise
from typing import Any

from visionfleet.errors import NotInstalled

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, LANE = 190, 46, 70, 22, 24, 16
SELECTOR = re.compile(r"^\$(inputs|steps)\.([A-Za-z0-9_\-]+)(\..+)?$")
ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#475569"/></marker></defs>'
)
INK, BORDER = "#475569", "#94a3b8"
SCALE, SEGMENTS, LONGEST = 2, 24, 28
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


@dataclass(frozen=True)
class Node:
    """A box: its upper left corner, what stands in it, and its colour."""

    x: int
    y: int
    title: str
    below: str
    color: str


@dataclass(frozen=True)
class Curve:
    """A part of an edge: the four control points of its Bezier curve. Control flow is dashed."""

    points: tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
    control: bool
    arrow: bool


@dataclass(frozen=True)
class Drawing:
    """What is drawn, in pixels."""

    width: int
    height: int
    nodes: list[Node]
    curves: list[Curve]


def drawing(definition: Mapping[str, Any]) -> Drawing:
    """Where everything stands. An edge over several columns has a lane in each, so that it passes no box."""
    columns, edges = layers(definition)
    types = {f"steps.{item['name']}": str(item.get("type", "")) for item in definition.get("steps", [])}
    bottoms: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for name, column in columns.items():
        places[name] = _left(column), bottoms.get(column, MARGIN)
        bottoms[column] = places[name][1] + HEIGHT + GAP_Y
    lanes: dict[tuple[str, int], int] = {}
    for source, target, _control in edges:
        for column in range(columns[source] + 1, columns[target]):
            if (source, column) not in lanes:
                lanes[source, column] = bottoms.get(column, MARGIN)
                bottoms[column] = lanes[source, column] + LANE
    curves: list[Curve] = []
    for source, target, control in edges:
        passed = [(_left(i), lanes[source, i]) for i in range(columns[source] + 1, columns[target])]
        curves += _way(places[source], passed, places[target], control=control)
    return Drawing(
        _left(max(columns.values(), default=0) + 1) - GAP_X + MARGIN,
        max([*bottoms.values(), MARGIN + HEIGHT]) - GAP_Y + MARGIN,
        [_node(name, places[name], types.get(name, "")) for name in places],
        curves,
    )


def svg(definition: Mapping[str, Any]) -> str:
    """The drawing as SVG."""
    drawn = drawing(definition)
    width, height = drawn.width, drawn.height
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="12">',
        ARROW,
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *map(_svg_curve, drawn.curves),
        *map(_svg_node, drawn.nodes),
        "</svg>",
    ]
    return "\n".join(parts)


def png(definition: Mapping[str, Any]) -> bytes:
    """The drawing as PNG, at twice its size. Raises NotInstalled without Pillow."""
    try:
        from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - SVG needs no further package
    except ImportError as error:
        raise NotInstalled("PNG needs a package: pip install pillow. SVG needs none.") from error
    drawn = drawing(definition)
    picture = Image.new("RGB", (drawn.width * SCALE, drawn.height * SCALE), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12 * SCALE)
    for curve in drawn.curves:
        _draw_curve(draw, curve)
    for node in drawn.nodes:
        x, y = node.x * SCALE, node.y * SCALE
        corners = (x, y, x + WIDTH * SCALE, y + HEIGHT * SCALE)
        draw.rounded_rectangle(corners, 6 * SCALE, node.color, BORDER, SCALE)
        draw.text((x + 10 * SCALE, y + 7 * SCALE), node.title, "black", font, stroke_width=0.4)
        draw.text((x + 10 * SCALE, y + 24 * SCALE), node.below, INK, font)
    written = BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def _node(name: str, at: tuple[int, int], kind: str) -> Node:
    family, _, label = name.partition(".")
    below = kind.removeprefix("roboflow_core/") or family.removesuffix("s")
    return Node(*at, _short(label), _short(below), COLORS[family.removesuffix("s")])


def _left(column: int) -> int:
    return MARGIN + column * (WIDTH + GAP_X)


def _way(
    source: tuple[int, int], passed: list[tuple[int, int]], target: tuple[int, int], *, control: bool
) -> Iterator[Curve]:
    """From a box to another through the lanes of the columns between; only the last part has an arrow."""
    at = source[0] + WIDTH, source[1] + HEIGHT // 2
    for x, y in passed:
        yield _curve(at, (x, y), control=control, arrow=False)
        yield _curve((x, y), (x + WIDTH, y), control=control, arrow=False)
        at = x + WIDTH, y
    yield _curve(at, (target[0], target[1] + HEIGHT // 2), control=control, arrow=True)


def _curve(start: tuple[int, int], end: tuple[int, int], *, control: bool, arrow: bool) -> Curve:
    bend = max((end[0] - start[0]) // 2, 30)
    return Curve((start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end), control, arrow)


def _svg_curve(curve: Curve) -> str:
    dashes = ' stroke-dasharray="5 4"' if curve.control else ""
    start, *others = (f"{x} {y}" for x, y in curve.points)
    path = f"M{start} C{' '.join(others)}"
    arrow = ' marker-end="url(#arrow)"' if curve.arrow else ""
    return f'<path d="{path}" fill="none" stroke="{INK}"{dashes}{arrow}/>'


def _svg_node(node: Node) -> str:
    x, y = node.x, node.y
    return (
        f'<g><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{node.color}" stroke="{BORDER}"/>'
        f'<text x="{x + 10}" y="{y + 19}" font-weight="bold">{escape(node.title)}</text>'
        f'<text x="{x + 10}" y="{y + 36}" fill="{INK}">{escape(node.below)}</text></g>'
    )


def _draw_curve(draw: Any, curve: Curve) -> None:
    points = [_on(curve, i / SEGMENTS) for i in range(SEGMENTS + 1)]
    for i, (start, end) in enumerate(pairwise(points)):
        if not curve.control or i % 2 == 0:
            draw.line((start, end), INK, SCALE)
    if not curve.arrow:
        return
    x, y = points[-1]
    draw.polygon([(x, y), (x - 7 * SCALE, y - 4 * SCALE), (x - 7 * SCALE, y + 4 * SCALE)], INK)


def _on(curve: Curve, t: float) -> tuple[float, float]:
    """The point of a cubic Bezier curve at ``t`` in [0, 1], scaled."""
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x = sum(w * p[0] for w, p in zip(weights, curve.points, strict=True))
    y = sum(w * p[1] for w, p in zip(weights, curve.points, strict=True))
    return x * SCALE, y * SCALE


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
