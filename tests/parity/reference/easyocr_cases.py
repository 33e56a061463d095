"""EasyOCR itself, small: a narrow CRAFT that has learned for a minute where drawn text is, and a seeded recogniser.

Needs: easyocr with scikit-image and python-bidi, in an environment of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import easyocr
import numpy as np
import torch
from easyocr import config, detection
from easyocr.craft import CRAFT, double_conv
from easyocr.model.vgg_model import Model
from easyocr.utils import CTCLabelConverter
from PIL import Image
from torch import nn

from tests.parity import reading
from tests.parity.foundation import FOLDER
from tests.parity.reference import drawn_words
from tests.parity.reference.easyocr_nets import alphabets, export
from tests.parity.reference.keep import keep

SYMBOLS = config.recognition_models["gen2"]["english_g2"]["symbols"]
CHARACTERS = config.recognition_models["gen2"]["english_g2"]["characters"] + "äöüßÄÖÜéèàç"
CODES = ["en", "de", "fr"]
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SIDE, STEPS = 192, 400
WIDTHS = (8, 12, 16, 24, 24)


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the case; a detector that was trained before is taken from the cache."""
    del only
    torch.manual_seed(9)
    finder, kept = craft(), cache / "easyocr-craft.pt"
    if kept.is_file():
        finder.load_state_dict(torch.load(kept, weights_only=True))
    else:
        torch.save(trained(finder).state_dict(), kept)
    torch.manual_seed(9)
    writer = recogniser()
    finder.eval()
    folder = FOLDER / "easyocr"
    folder.mkdir(exist_ok=True)
    known = {
        ",".join(codes): {name: told(reader(finder, writer, codes), reading.FOLDER / name) for name in reading.EASY}
        for codes in (["en"], CODES)
    }
    (folder / "answers.json").write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    export(folder, finder, writer)
    alphabets(folder, CHARACTERS, SYMBOLS, CODES)
    image = {"width": 320, "height": 320, "resize": "stretch", "pad": 0, **IMAGENET}
    keep(
        folder,
        {"task": "ocr", "family": "easy-ocr", "input": image, "thresholds": {"confidence": 0.0}},
        "languages.json",
    )
    yield "easyocr"


class Base(nn.Module):
    """What CRAFT looks at: five maps, the coarsest first, of 1/16, 1/16, 1/8, 1/4 and 1/2 of the picture's size."""

    def __init__(self) -> None:
        super().__init__()
        sides = [(3, WIDTHS[0]), *pairwise(WIDTHS)]
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 1 if i == 4 else 2, 1), nn.BatchNorm2d(b), nn.ReLU())
            for i, (a, b) in enumerate(sides)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[::-1]


def craft() -> CRAFT:
    """CRAFT with its own joints and head on a narrow base."""
    net = CRAFT.__new__(CRAFT)
    nn.Module.__init__(net)
    net.basenet = Base()
    outs = (16, 16, 16, 32)
    ins = (WIDTHS[4], *outs[:3])
    for i, (inside, beside, outside) in enumerate(zip(ins, WIDTHS[3::-1], outs, strict=True)):
        setattr(net, f"upconv{i + 1}", double_conv(inside, beside, outside))
    net.conv_cls = nn.Sequential(
        nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.ReLU(), nn.Conv2d(16, 2, 1)
    )
    return net


def trained(net: CRAFT) -> CRAFT:
    """The net after some hundred drawn pictures."""
    draw = np.random.default_rng(9)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        pictures, maps = zip(*(drawn(draw) for _ in range(2)), strict=True)
        found, _ = net(torch.from_numpy(np.stack(pictures)))
        loss = ((found - torch.from_numpy(np.stack(maps))) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net


def drawn(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A picture [3, h, w] as CRAFT gets it, with words on it, and its maps [h/2, w/2, 2]."""
    page, words = drawn_words.page(draw, SIDE)
    maps = np.zeros((2, SIDE, SIDE), np.float32)
    for boxes in words:
        for box in boxes:
            hill(maps[0], box)
        for one, next_one in pairwise(boxes):
            hill(maps[1], ((one[0] + one[2]) / 2, one[1], (next_one[0] + next_one[2]) / 2, one[3]))
    angle = float(draw.normal(0, 6))
    turned = [Image.fromarray(plane).rotate(angle, Image.Resampling.BILINEAR) for plane in maps]
    page = page.rotate(angle, Image.Resampling.BILINEAR, fillcolor=page.getpixel((0, 0)))
    right, bottom = drawn_words.blackened(page, draw)
    image = (np.asarray(page, np.float32) / 255 - IMAGENET["mean"]) / IMAGENET["std"]
    half = np.stack([np.asarray(m.resize((SIDE // 2, SIDE // 2), Image.Resampling.BILINEAR)) for m in turned], -1)
    half[:, right // 2 :], half[bottom // 2 :] = 0, 0
    return image.transpose(2, 0, 1).astype(np.float32), half


def hill(plane: np.ndarray, box: tuple[float, float, float, float]) -> None:
    """A hill as high as one in the middle of a box."""
    rows, columns = np.ogrid[: plane.shape[0], : plane.shape[1]]
    x, y = (columns - (box[0] + box[2]) / 2) / (box[2] - box[0]), (rows - (box[1] + box[3]) / 2) / (box[3] - box[1])
    np.maximum(plane, np.exp(-4 * (x * x + y * y)), out=plane)


def recogniser() -> Model:
    """EasyOCR's second generation, narrow and seeded: steps that differ, and a head that decides between characters."""
    net = Model(1, 32, 32, len(CHARACTERS) + 1)
    for name, weight in net.named_parameters():
        if weight.dim() > 1:
            by = 80.0 if name == "Prediction.weight" else 4.0 if "weight_ih" in name else 1.0
            nn.init.normal_(weight, 0, weight[0].numel() ** -0.5 * by)
    net.eval()
    seen: list[torch.Tensor] = []
    hook = net.Prediction.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    page = cv2.imread(str(reading.FOLDER / "page.png"), cv2.IMREAD_GRAYSCALE)
    lines = [cv2.resize(page[top : top + 48, 28:500], (640, 64)) for top in (30, 124, 212, 304)]
    with torch.no_grad():
        net(torch.from_numpy(np.stack(lines)[:, None].astype(np.float32) / 127.5 - 1), None)
        hook.remove()
        net.Prediction.bias.copy_(-net.Prediction.weight @ seen[0].reshape(-1, 32).mean(0))
        net.Prediction.bias[0] += 18  # blanks between characters
        net.Prediction.bias[-11:] += 8  # and letters that English lacks
    return net


def reader(finder: CRAFT, writer: Model, codes: list[str]) -> easyocr.Reader:
    """EasyOCR with these nets."""
    made = easyocr.Reader(["en"], gpu=False, detector=False, recognizer=False, verbose=False, quantize=False)
    made.detector, made.recognizer, made.get_textbox = finder, writer, detection.get_textbox
    made.character, made.converter = CHARACTERS, CTCLabelConverter(CHARACTERS, {}, {})
    made.setLanguageList(codes, {"symbols": SYMBOLS})
    return made


def told(made: easyocr.Reader, path: Path) -> list[dict[str, Any]]:
    """What is read in the pixels of a file: EasyOCR's own readers of files make others of them."""
    pixels = cv2.imread(str(path))
    level, tilted = made.detect(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    found = made.recognize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), level[0], tilted[0])
    return [
        {"text": text, "score": float(score), "corners": np.array(box, float).round(4).tolist()}
        for box, text, score in found
    ]
