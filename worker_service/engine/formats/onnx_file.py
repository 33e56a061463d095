"""One ONNX file, alone or in a folder: exports of Ultralytics, YOLOv5, v7, YOLO-NAS, RF-DETR, torchvision, timm."""

from __future__ import annotations

from pathlib import Path

from worker_service.engine.format import Known, Proposal, Wanted, from_graph

LABEL_FILES = ("labels.txt", "classes.txt", "class_names.txt")


class OnnxFile:
    """A graph that its metadata, names and shapes must explain; labels may lie beside it in a text file."""

    name = "an .onnx file"
    last = True

    def matches(self, path: Path) -> bool:
        """It is such a file, or a folder that holds one and nothing that says more."""
        return graph_in(path) is not None

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """What the graph tells, and the labels beside it when it tells none."""
        graph = graph_in(path)
        assert graph is not None  # noqa: S101 - it matched
        if wanted.labels:
            return from_graph(graph, wanted, Known(), graph.name)
        for name in LABEL_FILES:
            labels = labels_in(graph.parent / name)
            if labels:
                plain = from_graph(graph, Wanted(wanted.model_id, wanted.family, labels), Known(), graph.name)
                told = f"labels: the graph names none; {len(labels)} were taken from {name} beside it."
                return Proposal(plain.manifest, plain.files, f"{plain.seen}; {name}", (*plain.unsure, told))
        return from_graph(graph, wanted, Known(), graph.name)


def graph_in(path: Path) -> Path | None:
    """The file itself, or the only graph of a folder."""
    if path.is_file():
        return path if path.suffix.lower() == ".onnx" else None
    graphs = sorted(path.glob("*.onnx")) if path.is_dir() else []
    return graphs[0] if len(graphs) == 1 else None


def labels_in(path: Path) -> tuple[str, ...]:
    """One name per line, for graphs that have none of their own; empty when there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(line.strip() for line in lines if line.strip())


FORMAT = OnnxFile()
