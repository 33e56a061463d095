"""``visionfleet workflows``: drawing and reading definitions, which need no server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner
from visionfleet.api.batches import read_result
from visionfleet.cli import workflows
from visionfleet.cli.app import app
from visionfleet.cli.graph import HEIGHT, drawing, layers, png, svg
from visionfleet.errors import BadAnswer, InvalidRequest, NotInstalled
from visionfleet.jobs import read_job
from visionfleet.results import WorkflowOutputs

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
    drawn = svg(DEFINITION)
    root = ElementTree.fromstring(drawn)
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"image", "gate", "find", "draw", "o", "<Draw>"} <= texts
    assert drawn.count("stroke-dasharray") == 1


def test_an_edge_over_several_columns_passes_no_box() -> None:
    steps = [{"type": "A", "name": "a", "x": "$inputs.image"}, {"type": "B", "name": "b", "x": "$steps.a.o"}]
    far = {"type": "C", "name": "c", "x": "$steps.b.o", "y": "$inputs.image"}
    drawn = drawing({"inputs": DEFINITION["inputs"], "steps": [*steps, far]})
    level = [curve.points[0] for curve in drawn.curves if curve.points[0][1] == curve.points[3][1]]
    assert sum(curve.arrow for curve in drawn.curves) == 4
    assert len(level) > 4  # the lanes beside a and b
    for x, y in level:
        assert not any(node.x == x and node.y <= y <= node.y + HEIGHT for node in drawn.nodes)


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


def test_graph_draws_png_without_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definition, drawing = tmp_path / "d.json", tmp_path / "d.png"
    definition.write_text(json.dumps(DEFINITION))
    assert CliRunner().invoke(app, ["workflows", "graph", str(definition), "-o", str(drawing)]).exit_code == 0
    with Image.open(drawing) as picture:
        root = ElementTree.fromstring(svg(DEFINITION))
        assert picture.format == "PNG"
        assert picture.size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
        colors = {color for _, color in picture.getcolors(1 << 20)}
    assert {(255, 255, 255), (219, 234, 254), (241, 245, 249), (220, 252, 231), (71, 85, 105)} <= colors
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(NotInstalled, match="pillow"):
        png(DEFINITION)


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


def test_answers_of_jobs_and_batches_are_read() -> None:
    rows = [{"count": 2, "found": {"predictions": []}}, {"count": 0, "found": None}]
    line = read_result(json.dumps({"number": 1, "index": 0, "output": {"outputs": rows}}))
    assert isinstance(line.result, WorkflowOutputs)
    assert list(line.result.outputs) == rows
    assert line.result.to_dict() == {"task": "workflow", "outputs": rows}
    assert line.result.rows() == [{"count": 2}, {"count": 0, "found": None}]
    job = read_job({"id": "j", "state": "succeeded", "model": {"id": "w"}, "outputs": [{"output": {"outputs": rows}}]})
    assert isinstance(job.outputs[0], WorkflowOutputs)
    with pytest.raises(BadAnswer):
        read_result(json.dumps({"number": 1, "index": 0, "output": {"outputs": "none"}}))
