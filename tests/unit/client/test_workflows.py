"""``visionfleet workflows``: drawing and reading definitions, which need no server."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner
from visionfleet.cli import workflows
from visionfleet.cli.app import app
from visionfleet.cli.graph import layers, svg
from visionfleet.errors import InvalidRequest

DEFINITION = {
    "version": "1.0",
    "inputs": [{"type": "WorkflowImage", "name": "image"}],
    "steps": [
        {"type": "SwitchCase", "name": "gate", "value": "$steps.find.count", "cases": {"1": "$steps.draw"}},
        {"type": "Find", "name": "find", "image": "$inputs.image"},
        {"type": "<Draw>", "name": "draw", "images": ["$inputs.image"], "options": {"p": "$steps.find.predictions"}},
    ],
    "outputs": [{"type": "JsonField", "name": "o", "selector": "$steps.draw.image"}],
}


def test_every_node_stands_right_of_what_it_needs() -> None:
    columns, edges = layers(DEFINITION)
    assert set(columns) == {"inputs.image", "steps.gate", "steps.find", "steps.draw", "outputs.o"}
    assert all(columns[source] < columns[target] for source, target, _ in edges)
    assert ("steps.gate", "steps.draw", True) in edges
    assert ("steps.find", "steps.draw", False) in edges


def test_the_drawing_is_svg_with_every_name() -> None:
    drawing = svg(DEFINITION)
    root = ElementTree.fromstring(drawing)
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"image", "gate", "find", "draw", "o", "<Draw>"} <= texts
    assert drawing.count("stroke-dasharray") == 1


def test_a_circle_is_drawn_too() -> None:
    circle = {"steps": [{"type": "A", "name": "a", "x": "$steps.b.o"}, {"type": "B", "name": "b", "x": "$steps.a.o"}]}
    assert ElementTree.fromstring(svg(circle)) is not None


def test_graph_reads_json_and_yaml_and_writes_a_file(tmp_path: Path) -> None:
    runner, definition, drawing = CliRunner(), tmp_path / "d.yaml", tmp_path / "d.svg"
    definition.write_text("inputs: []\nsteps: []\noutputs: []\n")
    assert runner.invoke(app, ["workflows", "graph", str(definition), "-o", str(drawing)]).exit_code == 0
    definition.write_text(json.dumps(DEFINITION))
    assert runner.invoke(app, ["workflows", "graph", str(definition), "-o", str(drawing)]).exit_code == 0
    assert "find" in drawing.read_text()
    with pytest.raises(InvalidRequest, match="SVG"):
        workflows.graph(definition, tmp_path / "d.gif")


@pytest.mark.parametrize("text", ["[1]", "a: [", "text"])
def test_what_is_no_definition_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "d"
    file.write_text(text)
    with pytest.raises(InvalidRequest):
        workflows.read(file)


def test_options_are_read() -> None:
    assert workflows.named("a.jpg", "image") == ("image", "a.jpg")
    assert workflows.named("left=a.jpg", "image") == ("left", "a.jpg")
    assert workflows.named("https://x/?a=b", "image") == ("image", "https://x/?a=b")
    assert workflows.parsed("p=1.5") == ("p", 1.5)
    assert workflows.parsed("p=text") == ("p", "text")
    with pytest.raises(InvalidRequest, match="NAME=VALUE"):
        workflows.parsed("p")
