"""docTR's own nets, small: detectors that have learned for a minute where drawn text is, and seeded recognisers.

Exported by its exporter, answered by its predictor. ``--only`` with two names of its architectures, such as
``db_resnet50+parseq``, makes whole seeded ones in the cache, which are too large to be kept.

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
from doctr import models
from doctr.datasets import VOCABS
from doctr.models import ocr_predictor
from doctr.models.classification.vit.pytorch import VisionTransformer
from doctr.models.detection import DBNet, LinkNet
from doctr.models.recognition import CRNN, ViTSTR
from doctr.models.utils import export_model_to_onnx
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter

from tests.parity import reading
from tests.parity.foundation import FOLDER
from tests.parity.reference import drawn_words
from tests.parity.reference.keep import keep

SIDE, PAGE_SIDE, STEPS = 512, 192, 250
PAGE = {"mean": (0.798, 0.785, 0.772), "std": (0.264, 0.2749, 0.287)}
WORD = {"mean": (0.694, 0.695, 0.693), "std": (0.299, 0.296, 0.301)}
VOCABULARY = VOCABS["french"]


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; detectors that were trained before are taken from the cache."""
    if "+" in only:
        folder = cache / only
        folder.mkdir(exist_ok=True)
        finder, reader = whole(*only.split("+"))
        answer(folder, finder, reader)
        yield only
        return
    cases = {"doctr": (DBNet, recogniser), "doctr-end": (LinkNet, writer)}
    for name, (kind, make) in cases.items():
        if only not in ("all", name):
            continue
        torch.manual_seed(9)
        finder, kept = detector(kind), cache / f"{name}.pt"
        if kept.is_file():
            finder.load_state_dict(torch.load(kept, weights_only=True))
        else:
            torch.save(trained(finder).state_dict(), kept)
        torch.manual_seed(11 if kind is LinkNet else 9)
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        answer(folder, finder.eval(), seeded(make()))
        yield name


def block(inside: int, outside: int, stride: int | tuple[int, int]) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


def detector(kind: type[nn.Module]) -> Any:
    """DBNet or LinkNet on a narrow backbone of four stages."""
    stages = nn.Sequential(
        nn.Sequential(block(3, 8, 2), block(8, 12, 2)), block(12, 16, 2), block(16, 24, 2), block(24, 32, 2)
    )
    features = IntermediateLayerGetter(stages, {str(i): str(i) for i in range(4)})
    return kind(features, head_chans=32, cfg={"input_shape": (3, SIDE, SIDE), **PAGE})


def trained(net: Any) -> Any:
    """The net after some hundred drawn pages."""
    draw = np.random.default_rng(9)
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    net.train()
    net.exportable = True
    for _ in range(STEPS):
        pictures, maps = zip(*(drawn(draw) for _ in range(4)), strict=True)
        logits = net(torch.from_numpy(np.stack(pictures)))["logits"]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(np.stack(maps)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    net.exportable = False
    return net


def drawn(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A page [3, h, w] as the detector gets it, and [1, h, w] the middle of each word."""
    page, words = drawn_words.page(draw, PAGE_SIDE, gap=0.3)
    drawn_words.blackened(page, draw)
    plane = np.zeros((1, PAGE_SIDE, PAGE_SIDE), np.float32)
    for boxes in words:
        left, top, right, bottom = boxes[0][0], boxes[0][1], boxes[-1][2], boxes[0][3]
        by = 0.25 * (bottom - top)
        plane[0, round(top + by) : round(bottom - by), round(left + by) : round(right - by)] = 1
    image = (np.asarray(page, np.float32) / 255 - PAGE["mean"]) / PAGE["std"]
    return image.transpose(2, 0, 1).astype(np.float32), plane


def whole(finder: str, reader: str) -> tuple[Any, Any]:
    """Architectures of docTR's own, seeded, and set by our pages so that answers differ from place to place."""
    torch.manual_seed(9)
    find, read = (getattr(models, name)(pretrained=False, pretrained_backbone=False) for name in (finder, reader))
    picture = cv2.cvtColor(cv2.imread(str(reading.FOLDER / "page.png")), cv2.COLOR_BGR2RGB)
    pieces = [picture[top : top + 256, left : left + 256] for top in (0, 150) for left in (0, 200, 400, 600)]
    logits = settled(find, fed(pieces, PAGE))
    last = list((find.prob_head if hasattr(find, "prob_head") else find.classifier).modules())[-1]
    rescaled(last, logits.std(), logits.quantile(0.9))
    _, tall, long = read.cfg["input_shape"]
    words = [
        cv2.resize(picture[top : top + 50, left : left + 120], (long, tall))
        for top in (30, 120, 210, 300)
        for left in (30, 150, 270)
    ]
    logits = settled(read, fed(words, WORD)).flatten(0, 1)
    last = next(
        m for m in reversed(list(read.modules())) if isinstance(m, nn.Linear) and m.out_features == logits.shape[1]
    )
    rescaled(last, logits.std(0).mean() / 4, logits.mean(0))
    return find, read


def fed(pictures: list[np.ndarray], how: dict[str, Any]) -> torch.Tensor:
    """Pictures as a net gets them."""
    stack = (np.stack(pictures).astype(np.float32) / 255 - how["mean"]) / how["std"]
    return torch.from_numpy(stack.transpose(0, 3, 1, 2).astype(np.float32))


def settled(net: Any, batch: torch.Tensor) -> torch.Tensor:
    """The net's logits, after its means and variances have been taken from the batch."""
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    net.exportable = True
    with torch.no_grad():
        net.eval()
        for norm in norms:
            norm.train()
        net(batch)
        net.eval()
        logits = net(batch)["logits"]
    net.exportable = False
    return logits


def rescaled(layer: Any, scale: torch.Tensor, middle: torch.Tensor) -> None:
    """The layer's outputs around zero, and so much larger."""
    with torch.no_grad():
        layer.weight /= scale
        if layer.bias is None:
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))
        layer.bias.copy_((layer.bias - middle) / scale)


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
            weight.data[-1] = 10  # texts have to end
    return net.eval()


def answer(folder: Path, finder: Any, reader: Any) -> None:
    """Graphs, manifest, and what docTR reads on our pages."""
    _, high, wide = finder.cfg["input_shape"]
    _, tall, long = reader.cfg["input_shape"]
    finder.exportable = reader.exportable = True
    sizes = {
        "detection": (finder, torch.zeros(1, 3, high, wide)),
        "recognition": (reader, torch.zeros(1, 3, tall, long)),
    }
    for name, (net, example) in sizes.items():
        export_model_to_onnx(net, str(folder / name), example, opset_version=17)
    finder.exportable = reader.exportable = False
    together = ocr_predictor(det_arch=finder.eval(), reco_arch=reader.eval())
    known = {name: told(together, reading.FOLDER / name) for name in reading.WORDED}
    (folder / "answers.json").write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    image = {"width": wide, "height": high, "resize": "stretch", "interpolation": "antialias-linear", **PAGE}
    rules = {"threshold": finder.postprocessor.bin_thresh, "growth": finder.postprocessor.unclip_ratio}
    keep(folder, {"task": "ocr", "family": "doctr", "input": image, "thresholds": {"confidence": 0.0}, "text": rules})


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
