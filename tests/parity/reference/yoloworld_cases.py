"""YOLO-World, version 2: Ultralytics' own net and class, told what to find by ``set_classes``.

The package turns texts into vectors by OpenAI's ``clip``, which is on no index and has no small net. In its place is
a seeded CLIP of transformers with vectors of 512 numbers, whose graph is kept beside the recordings; Ultralytics' own
code around it (batches, unit length, which class is which) runs as it is. The weights of the detector are seeded; its
heads are scaled so that scores and sizes have the spread of a trained net's, see ``spread.py``.

Two exports: with the vocabulary baked in, as the documentation has it, and with the vectors as an input ``txt_feats``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from tests.parity import golden, pictures
from tests.parity.foundation import FOLDER, QUERIES
from tests.parity.reference import record
from tests.parity.reference.foundation_cases import OPSET, Answers, words
from tests.parity.reference.foundation_cases import export as to_onnx

log = logging.getLogger(__name__)

CONTEXT, WIDTH = 77, 512
BESIDE = FOLDER / "clip-text-512"
SURE = (-1.6, 1.3)
"""Mean and deviation of the classes' logits."""
WEIGHT = 4.0
"""What the last layer of the boxes is multiplied by; seeded as usual, all boxes are alike."""


def text_side(folder: Path) -> tuple[Any, Any]:
    """A tokenizer and a net, and the graph of both in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = words(folder / "tokenizer.json")
    end, size = tokenizer.token_to_id("<|endoftext|>"), tokenizer.get_vocab_size()
    common = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPTextConfig(
        **common, vocab_size=size, max_position_embeddings=CONTEXT, eos_token_id=end, projection_dim=WIDTH
    )
    net = CLIPTextModelWithProjection(config)
    for weight in net.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, 0, weight[0].numel() ** -0.5)
    net.eval()
    ids = torch.randint(0, size, (2, CONTEXT))
    axes = {name: {0: "texts"} for name in ("input_ids", "text_embeds")}
    to_onnx(folder / "textual.onnx", Answers(encoded, net), {"input_ids": ids}, ["text_embeds"], axes)
    return tokenizer, net.eval()


def encoded(net: Any, ids: torch.Tensor) -> torch.Tensor:
    """The vectors."""
    found: torch.Tensor = net(input_ids=ids).text_embeds
    return found


class Net(torch.nn.Module):
    """What ``clip.load`` answers."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def encode_text(self, ids: torch.Tensor) -> torch.Tensor:
        """As clip's."""
        return encoded(self.net, ids)


def install(tokenizer: Any, net: Any) -> None:
    """Let ``import clip`` find the small one."""

    def tokenize(texts: Any, **options: Any) -> torch.Tensor:
        del options
        rows = [tokenizer.encode(text).ids[:CONTEXT] for text in ([texts] if isinstance(texts, str) else texts)]
        return torch.tensor([row + [0] * (CONTEXT - len(row)) for row in rows])

    module: Any = ModuleType("clip")
    module.tokenize, module.load = tokenize, lambda *args, **options: (Net(net), None)
    sys.modules["clip"] = module


def shown(size: int) -> torch.Tensor:
    """The pictures of the recordings as the net is fed them, so that none is far from what its norms have seen."""
    from ultralytics.data.augment import LetterBox

    fit = LetterBox((size, size), auto=False)
    rows = [fit(image=cv2.imread(record.path_of(name)))[..., ::-1].transpose(2, 0, 1) for name in pictures.NAMES]
    return torch.from_numpy(np.stack(rows).astype(np.float32) / 255)


@torch.no_grad()
def spread(model: Any, size: int) -> None:
    """Scale the heads in place."""
    head, fed = model.model[-1], dict[int, torch.Tensor]()
    images = shown(size)
    for layer in model.modules():  # as training leaves them: seeded alone, activations hardly vary from place to place
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
    model.train()
    model.predict(images)
    model.eval()
    for i, contrast in enumerate(head.cv4):
        contrast.norm.register_forward_pre_hook(lambda _, inputs, i=i: fed.__setitem__(i, inputs[0].detach()))
    model.predict(images)
    for i, contrast in enumerate(head.cv4):
        contrast.norm._forward_pre_hooks.clear()
        contrast.logit_scale.zero_()
        contrast.bias.zero_()
        logits = contrast(fed[i], model.txt_feats.expand(len(images), -1, -1))
        contrast.logit_scale.copy_((SURE[1] / logits.std()).log())
        contrast.bias.copy_((SURE[0] - logits.mean() * SURE[1] / logits.std()).reshape(1))
    for boxes in head.cv2:
        boxes[-1].weight.mul_(WEIGHT)


def told(model: Any, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """The net with the vectors as an input."""
    head = model.model[-1]
    head.nc = texts.shape[1]
    found: torch.Tensor = model.predict(images, txt_feats=texts)
    return found


def export_told(model: Any, size: int, path: Path) -> Path:
    """As Ultralytics' exporter sets a net up, but with two inputs."""
    head = model.model[-1]
    head.export, head.dynamic, head.format = True, False, "onnx"
    inputs = {"images": torch.rand(2, 3, size, size), "txt_feats": torch.randn(2, 4, WIDTH)}
    axes = {"images": {0: "batch"}, "txt_feats": {0: "batch", 1: "texts"}, "output0": {0: "batch", 1: "rows"}}
    torch.onnx.export(
        Answers(told, model),
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=["output0"],
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    model.eval()  # the exporter leaves it in training
    head.export, head.nc = False, len(QUERIES)
    return path


def run(cache: Path, only: str) -> Iterator[str]:
    """Make the net, export it twice, record. Yields the names of the cases written."""
    torch.manual_seed(9)
    install(*text_side(BESIDE))
    from ultralytics import YOLOWorld, __version__

    from tests.parity.reference import ultralytics_cases as plain  # imports what imports clip

    torch.manual_seed(9)
    yolo = YOLOWorld("yolov8n-worldv2.yaml")
    yolo.set_classes(list(QUERIES))
    spread(yolo.model, plain.SIZE)
    yolo.model.args = {"imgsz": plain.SIZE, "task": "detect", "data": None, "single_cls": False}
    reference = f"ultralytics {__version__}: YOLOWorld('yolov8n-worldv2.yaml').set_classes(...).predict(rect=False)"
    answers = {name: plain.predict(yolo, name, {}, record.DETECTION) for name in pictures.NAMES}
    for case in ("yolo-world", "yolo-world-baked"):
        if only not in ("all", case):
            continue
        baked = case.endswith("baked")
        manifest: dict[str, Any] = {"task": "object-detection", "input": plain.INPUT, "labels": list(QUERIES)}
        if baked:
            graph = record.Graph(plain.export(yolo, case, {}, cache))
        else:
            graph = record.Graph(export_told(yolo.model, plain.SIZE, cache / f"{case}.onnx"))
            manifest |= {"task": "open-vocabulary-detection", "labels": []}
        settings = [setting if baked else {**setting, "texts": list(QUERIES)} for setting in record.DETECTION]
        recorder = record.recorder(case, reference, graph, manifest, settings)
        if not baked:
            recorder.case.beside = [f"{BESIDE.name}/{name}" for name in ("textual.onnx", "tokenizer.json")]
            recorder.arrays["told"] = yolo.model.txt_feats[0].numpy()
        for name, (tensor, found) in answers.items():
            feeds = {"images": tensor[None]} | ({} if baked else {"txt_feats": yolo.model.txt_feats.numpy()})
            (output,) = (array[0] for array in graph.session.run(None, feeds))
            scores = output[4:].max(0)
            kept = golden.cells(output, 0, scores >= record.faintest(settings), 0)
            recorder.add(name, tensor, [kept], found)
            with torch.no_grad():
                own = yolo.model.predict(torch.from_numpy(tensor)[None])[0][0].numpy()
            log.info("%s %s: graph off by %.1e of %.0f", case, name, np.abs(own - output).max(), np.abs(own).max())
        recorder.save()
        yield case
