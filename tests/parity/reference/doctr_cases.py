"""docTR's own recognisers, small and seeded, behind a detector made by hand: its exporter, its predictor.

Needs: python-doctr and torchvision, in an environment of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from doctr.datasets import VOCABS
from doctr.models import ocr_predictor
from doctr.models.classification.vit.pytorch import VisionTransformer
from doctr.models.detection import DBNet
from doctr.models.detection.differentiable_binarization.base import DBPostProcessor
from doctr.models.detection.linknet.base import LinkNetPostProcessor
from doctr.models.recognition import CRNN, ViTSTR
from doctr.models.utils import export_model_to_onnx
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter

from tests.parity import reading
from tests.parity.foundation import FOLDER
from tests.parity.reference.keep import keep

SIDE = 512
PAGE = {"mean": (0.798, 0.785, 0.772), "std": (0.264, 0.2749, 0.287)}
WORD = {"mean": (0.694, 0.695, 0.693), "std": (0.299, 0.296, 0.301)}
VOCABULARY = VOCABS["french"]


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; ``cache`` is not needed."""
    del cache
    torch.manual_seed(9)
    finder = Ink().eval()
    readers = {"doctr": seeded(recogniser()), "doctr-end": seeded(writer())}
    for name, reader in readers.items():
        if only not in ("all", name):
            continue
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        own = LinkNetPostProcessor(bin_thresh=0.1) if name == "doctr-end" else finder.postprocessor
        answer(folder, finder, reader, own)
        yield name


def block(inside: int, outside: int, stride: int | tuple[int, int]) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class Ink(DBNet):
    """Stands for DBNet, whose weights are not to be had: what is dark is text, but for the black around a page."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.class_names, self.exportable, self.assume_straight_pages = ["words"], False, True
        self.cfg = {"input_shape": (3, SIDE, SIDE), **PAGE}
        self.slope = nn.Parameter(torch.tensor(-6.0))
        self.postprocessor = DBPostProcessor()

    def forward(self, x: torch.Tensor, **options: Any) -> dict[str, Any]:
        """As DBNet answers."""
        dark = torch.sigmoid(self.slope * (x.mean(1, keepdim=True) + 0.5))
        near = nn.functional.max_pool2d(dark, (3, 9), 1, (1, 4))
        far = nn.functional.avg_pool2d(dark, 33, 1, 16, count_include_pad=False)
        logits = 8 * near - 4 - 99 * torch.relu(far - 0.34)
        if self.exportable:
            return {"logits": logits}
        found = self.postprocessor(torch.sigmoid(logits).permute(0, 2, 3, 1).numpy())
        return {"preds": [dict(zip(self.class_names, each, strict=True)) for each in found]}


def recogniser() -> CRNN:
    """CRNN on a small backbone: a step for each four pixels."""
    features = nn.Sequential(block(3, 12, 2), block(12, 24, 2), block(24, 32, (2, 1)), block(32, 48, (2, 1)))
    cfg = {"input_shape": (3, 32, 128), "vocab": VOCABULARY, **WORD}
    return CRNN(features, VOCABULARY, rnn_units=48, cfg=cfg)


def writer() -> ViTSTR:
    """ViTSTR, whose answer ends at its last class."""
    features = VisionTransformer(48, 3, 4, 2, (4, 8), (3, 32, 128), include_top=False)
    features = IntermediateLayerGetter(features, {"1": "features"})
    cfg = {"input_shape": (3, 32, 128), "vocab": VOCABULARY, **WORD}
    return ViTSTR(features, VOCABULARY, 48, cfg=cfg)


def seeded(net: Any) -> Any:
    """Weights that keep activations as large as they come in, and a last layer that makes up its mind."""
    for name, weight in net.named_parameters():
        if weight.dim() > 1:
            by = {"linear.weight": 40, "head.weight": 8}.get(name, 1.0)
            nn.init.normal_(weight, 0, weight[0].numel() ** -0.5 * by)
        elif name == "head.bias":
            weight.data[-1] = 6  # texts have to end
    return net.eval()


def answer(folder: Path, finder: Any, reader: Any, rules: Any) -> None:
    """Graphs, manifest, and what docTR reads on our pages."""
    finder.exportable = reader.exportable = True
    sizes = {"detection": (finder, torch.zeros(1, 3, SIDE, SIDE)), "recognition": (reader, torch.zeros(1, 3, 32, 128))}
    for name, (net, example) in sizes.items():
        export_model_to_onnx(net, str(folder / name), example, opset_version=17)
    finder.exportable = reader.exportable = False
    finder.postprocessor, kept = rules, finder.postprocessor
    whole = ocr_predictor(det_arch=finder, reco_arch=reader)
    known = {name: told(whole, reading.FOLDER / name) for name in reading.WORDED}
    finder.postprocessor = kept
    (folder / "answers.json").write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    image = {"width": SIDE, "height": SIDE, "resize": "stretch", "interpolation": "antialias-linear", **PAGE}
    manifest = {"task": "ocr", "family": "doctr", "input": image, "thresholds": {"confidence": 0.0}}
    keep(folder, manifest if rules is kept else {**manifest, "text": {"threshold": 0.1}})


def told(whole: Any, path: Path) -> dict[str, Any]:
    """The text as docTR renders it, and of each word its text, score and box in pixels."""
    pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    height, width = pixels.shape[:2]
    found = whole([pixels]).pages[0]
    words = [word for block in found.blocks for line in block.lines for word in line.words]
    rows = [
        {
            "text": word.value,
            "score": float(word.confidence),
            "box": (np.array(word.geometry) * (width, height)).ravel().round(3).tolist(),
        }
        for word in words
    ]
    return {"text": found.render(), "words": rows}
