"""EasyOCR's nets as graphs: craft.onnx, crnn.onnx, characters.txt and languages.json of a reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from easyocr import config
from easyocr import easyocr as package
from torch import nn

EXPORT = {"opset_version": 17, "dynamo": False}


class Found(nn.Module):
    """CRAFT without the features that nobody asks for."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[B, h/2, w/2, 2]: characters and links."""
        return self.net(image)[0]


class Written(nn.Module):
    """A recogniser, whose second argument it does not use; the mean over rows in words that ONNX has."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        net.AdaptiveAvgPool = MeanOfRows()

    def forward(self, line: torch.Tensor) -> torch.Tensor:
        """[B, steps, classes]."""
        return self.net(line, None)


class MeanOfRows(nn.Module):
    """What AdaptiveAvgPool2d((None, 1)) is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, w, c, h] to [B, w, c, 1]."""
        return x.mean(3, keepdim=True)


def export(folder: Path, detector: nn.Module, recogniser: nn.Module) -> None:
    """Write both graphs, of any size."""
    sides = {"image": {0: "batch", 2: "height", 3: "width"}, "maps": {0: "batch", 1: "rows", 2: "columns"}}
    names = {"input_names": ["image"], "output_names": ["maps"]}
    image = torch.zeros(1, 3, 64, 96)
    torch.onnx.export(Found(detector), (image,), folder / "craft.onnx", **names, dynamic_axes=sides, **EXPORT)
    sides = {"line": {0: "batch", 3: "width"}, "logits": {0: "batch", 1: "steps"}}
    names = {"input_names": ["line"], "output_names": ["logits"]}
    line = torch.zeros(1, 1, 64, 192)
    torch.onnx.export(Written(recogniser), (line,), folder / "crnn.onnx", **names, dynamic_axes=sides, **EXPORT)


def alphabets(folder: Path, characters: str, symbols: str, codes: list[str]) -> None:
    """Write the characters of the net, and those of each language with the symbols that all share."""
    (folder / "characters.txt").write_text(characters + "\n", encoding="utf-8")
    known = {code: own(code) + symbols for code in codes}
    (folder / "languages.json").write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def own(code: str) -> str:
    """A language's characters, from the package's own list."""
    listed = Path(package.BASE_PATH, "character", f"{code}_char.txt").read_text(encoding="utf-8-sig")
    return "".join(listed.splitlines())


def of_reader(reader: Any, name: str, codes: list[str], to: str | Path) -> None:
    """A reader that EasyOCR has loaded (``quantize=False, gpu=False``), and one of its nets' names: english_g2, ..."""
    folder = Path(to)
    folder.mkdir(parents=True, exist_ok=True)
    generation = "gen2" if name in config.recognition_models["gen2"] else "gen1"
    known = config.recognition_models[generation][name]
    export(folder, reader.detector, reader.recognizer)
    alphabets(folder, known["characters"], known["symbols"], codes)
