"""Faces by OpenCV's FaceDetectorYN on a seeded net of YuNet's layout, and where they look by L2CS's steps in torch.

Needs: torchvision. ``--only gaze-resnet50`` compares a whole ResNet-50 with L2CS's heads; it is too large to be kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torchvision import transforms
from torchvision.models.resnet import Bottleneck

from tests.parity import faces
from tests.parity.foundation import FOLDER
from tests.parity.reference.keep import keep

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
EXPORT = {"opset_version": 17, "dynamo": False}
GAZE_INPUT = {"width": 448, "height": 448, "resize": "stretch", "precision": "float32", **IMAGENET}
FACE_INPUT = {"width": 640, "height": 640, "resize": "letterbox", "channels": "bgr", "scale": 1.0, "pad": 0}
WIDE, NARROW = 64, 4


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases: yunet of any size, gaze with faces from its logits, gaze alone in radians."""
    torch.manual_seed(9)
    finder = YuNet().eval()
    detector = finder_graph(finder, cache / "yunet.onnx")
    if only == "gaze-resnet50":
        folder = cache / only
        folder.mkdir(exist_ok=True)
        gaze(folder, seeded(L2cs(WIDE, (3, 4, 6, 3))), detector)
        yield only
        return
    folder = FOLDER / "yunet"
    folder.mkdir(exist_ok=True)
    shutil.copy(detector, folder / "weights.onnx")
    keep(
        folder,
        {
            "task": "keypoint-detection",
            "family": "yunet",
            "labels": ["face"],
            "keypoints": faces.POINTS,
            "input": FACE_INPUT,
            "thresholds": {"confidence": 0.9, "iou": 0.3},
        },
    )
    told = {name: rows_of(find(detector, faces.read(name))) for name in faces.NAMES}
    (folder / "answers.json").write_text(json.dumps(told, indent=1) + "\n")
    yield "yunet"
    folder = FOLDER / "l2cs"
    folder.mkdir(exist_ok=True)
    gaze(folder, seeded(L2cs(NARROW, (1, 1, 1, 1))), detector)
    yield "l2cs"


class YuNet(nn.Module):
    """Seeded, with YuNet's twelve outputs; of cells that are sure of a face there are some in any picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 16, 3, 2, 1), nn.ReLU())
        self.levels = nn.ModuleList(nn.Conv2d(16, 16, 3, 2, 1) for _ in faces.STRIDES)
        self.heads = nn.ModuleList(nn.Conv2d(16, 16, 1) for _ in faces.STRIDES)
        for name, weight in self.named_parameters():
            nn.init.normal_(weight, 0, (weight[0].numel() / 2) ** -0.5 if weight.dim() > 1 else 0.1)
            if name.startswith("stem.0.weight"):
                weight.data /= 128

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """[B, cells, 1], the same, [B, cells, 4] and [B, cells, 10], each for three strides."""
        x = self.stem(x - 127.0)
        parts: dict[str, list[torch.Tensor]] = {"cls": [], "obj": [], "bbox": [], "kps": []}
        for level, head in zip(self.levels, self.heads, strict=True):
            x = torch.relu(level(x))
            rows = head(x).permute(0, 2, 3, 1).flatten(1, 2)
            cls, obj, bbox, kps = rows.split((1, 1, 4, 10), 2)
            parts["cls"].append(torch.sigmoid(10 * cls + 1))
            parts["obj"].append(torch.sigmoid(10 * obj + 1))
            parts["bbox"].append(torch.cat([bbox[..., :2], 0.5 * bbox[..., 2:] + 1.5], 2))
            parts["kps"].append(kps)
        return tuple(each for kind in parts.values() for each in kind)


def finder_graph(net: nn.Module, path: Path) -> Path:
    """YuNet as a graph of any size."""
    names = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in faces.STRIDES]
    sides = {"input": {0: "batch", 2: "height", 3: "width"}, **{name: {0: "batch", 1: f"n_{name}"} for name in names}}
    image = torch.zeros(1, 3, 96, 64)
    torch.onnx.export(net, (image,), path, input_names=["input"], output_names=names, dynamic_axes=sides, **EXPORT)
    return path


def find(graph: Path, pixels: np.ndarray) -> np.ndarray:
    """[n, 15]: what FaceDetectorYN answers in a picture that it is given small enough, in pixels of the picture."""
    rows, columns = pixels.shape[:2]
    ratio = min(1.0, 640 / rows, 640 / columns)
    size = max(1, round(columns * ratio)), max(1, round(rows * ratio))
    if ratio < 1:
        pixels = cv2.resize(pixels, size)
    detector = cv2.FaceDetectorYN.create(str(graph), "", size, faces.SCORE, 0.3, 5000)
    _, found = detector.detect(pixels)
    found = np.zeros((0, 15), np.float32) if found is None else found
    gain = np.array([size[0] / columns, size[1] / rows] * 7, np.float32)
    return np.concatenate([found[:, :14] / gain, found[:, 14:]], axis=1)


def rows_of(found: np.ndarray) -> list[dict[str, Any]]:
    """As JSON: corners, points and score."""
    return [
        {
            "box": [float(v) for v in (x, y, x + w, y + h)],
            "points": np.array(points, float).reshape(5, 2).tolist(),
            "score": float(score),
        }
        for x, y, w, h, *points, score in found.tolist()
    ]


class L2cs(nn.Module):
    """ResNet with two heads of ninety bins, yaw and pitch; ``width`` 64 and 3, 4, 6, 3 blocks are L2CS's own."""

    def __init__(self, width: int, blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        layers, inside = [], width
        for i, count in enumerate(blocks):
            planes, stride = width * 2**i, 1 if i == 0 else 2
            wider = nn.Sequential(nn.Conv2d(inside, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))
            layers.append(Bottleneck(inside, planes, stride, wider, base_width=64))
            inside = 4 * planes
            layers += [Bottleneck(inside, planes) for _ in range(count - 1)]
        self.layers = nn.Sequential(*layers)
        self.yaw, self.pitch = nn.Linear(inside, 90), nn.Linear(inside, 90)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of both."""
        x = self.layers(self.stem(x)).mean((2, 3))
        return self.yaw(x), self.pitch(x)


class Radians(nn.Module):
    """L2CS with its expectation inside the graph, as Roboflow's own."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """[B] each."""
        bins = torch.arange(90, dtype=torch.float32)
        return tuple((torch.softmax(each, 1) * bins).sum(1).mul(4).sub(180).mul(np.pi / 180) for each in self.net(x))


def seeded(net: L2cs) -> L2cs:
    """Weights that keep activations as large as they are, and heads that make up their minds."""
    for name, weight in net.named_parameters():
        if weight.dim() > 1:
            by = 12.0 if name in ("yaw.weight", "pitch.weight") else 1.4
            nn.init.normal_(weight, 0, weight[0].numel() ** -0.5 * by)
        elif name.endswith("bn3.weight"):
            weight.data.fill_(0.3)  # or sixteen blocks on top of one another say the same of everything
    return net.eval()


def gaze(folder: Path, net: L2cs, detector: Path) -> None:
    """face.onnx, gaze.onnx, radians.onnx beside them, and the answers: with faces, and of whole pictures."""
    shutil.copy(detector, folder / "face.onnx")
    sides = {"input": {0: "batch"}, "yaw": {0: "batch"}, "pitch": {0: "batch"}}
    names = {"input_names": ["input"], "output_names": ["yaw", "pitch"], "dynamic_axes": sides}
    image = torch.zeros(1, 3, 448, 448)
    torch.onnx.export(net, (image,), folder / "gaze.onnx", **names, **EXPORT)
    keep(folder, {"task": "gaze-detection", "family": "l2cs", "input": GAZE_INPUT, "thresholds": {"confidence": 0.9}})
    alone = folder.parent / f"{folder.name}-radians"
    alone.mkdir(exist_ok=True)
    torch.onnx.export(Radians(net).eval(), (image,), alone / "weights.onnx", **names, **EXPORT)
    keep(alone, {"task": "gaze-detection", "family": "l2cs", "input": GAZE_INPUT})
    told = {}
    for name in faces.NAMES:
        pixels = faces.read(name)
        rows, columns = pixels.shape[:2]
        found = rows_of(find(detector, pixels))[: faces.MOST]
        boxes = [np.clip(row["box"], 0, (columns, rows, columns, rows)).astype(int).tolist() for row in found]
        whole = looks(net, pixels, [[0, 0, columns, rows]])
        told[name] = {"faces": found, "angles": looks(net, pixels, boxes), "whole": whole[0]}
    (folder / "answers.json").write_text(json.dumps(told, indent=1) + "\n")


def looks(net: L2cs, pixels: np.ndarray, boxes: list[list[int]]) -> list[list[float]]:
    """Yaw and pitch of each face, by the steps of L2CS's own detection."""
    prepare = transforms.Compose(
        [transforms.ToTensor(), transforms.Resize(448), transforms.Normalize(IMAGENET["mean"], IMAGENET["std"])]
    )
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    answers = []
    for left, top, right, bottom in boxes:
        face = cv2.resize(rgb[top : max(top + 1, bottom), left : max(left + 1, right)], (224, 224))
        with torch.no_grad():
            yaw, pitch = Radians(net.eval())(prepare(face)[None])
        answers.append([float(yaw), float(pitch)])
    return answers
