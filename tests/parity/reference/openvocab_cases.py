"""Detectors that are told in words what to find, small and seeded: GroundingDINO and OWLv2 of transformers.

And a net of our own with YOLO-World's inputs and outputs: no graph that comes of its code may be committed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    PreTrainedTokenizerFast,
)
from transformers.models.grounding_dino import modeling_grounding_dino
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

from tests.parity.foundation import CAPTIONS, FOLDER, PROMPTED, QUERIES
from tests.parity.reference.foundation_cases import Answers, export, opened, seeded, words, write

SIZE = 160
TASK = "open-vocabulary-detection"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; ``cache`` is not needed."""
    del cache
    for name, make in CASES.items():
        if only in ("all", name):
            torch.manual_seed(9)
            folder = FOLDER / name
            folder.mkdir(parents=True, exist_ok=True)
            make(folder)
            yield name


def blocks(ids: torch.Tensor, special: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What the original does with isin and cummax, which ONNX lacks: phrases between delimiters, places in them."""
    count = ids.shape[1]
    at = torch.arange(count)
    marks = (ids[:, :, None] == torch.as_tensor(special)[None, None]).any(-1)
    before = at[None, :] < at[:, None]  # [i, j]: j lies before i
    last = torch.where(marks[:, None, :] & before[None], at[None, None, :], torch.tensor(-1)).max(-1).values
    after = at[None, :] >= at[:, None]
    following = torch.where(marks[:, None, :] & after[None], at[None, None, :], torch.tensor(100_000)).min(-1).values
    valid = (following != 0) & (following != count - 1) & (following < 100_000)
    same = (following[:, :, None] == following[:, None, :]) & valid[:, None, :]
    places = torch.where(valid, at[None] - last - 1, torch.zeros_like(last)).clamp(min=0)
    return same | (at[:, None] == at[None, :])[None], places


def pieces(path: Path) -> Tokenizer:
    """A tokenizer of BERT's kind."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.?,!-"]
    known = sorted({word for caption in CAPTIONS for word in caption.replace(".", "").split()} - set(letters))
    pieces_ = [*special, *letters, *(f"##{letter}" for letter in letters), *known]  # a trainer's order would vary
    vocabulary = {piece: number for number, piece in enumerate(pieces_)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens(special)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    tokenizer.save(str(path))
    return tokenizer


def grounding_dino(folder: Path, *, authors: bool = False) -> None:
    """Swin, BERT and the fusion of both; with ``authors`` behind the inputs and outputs of their own exporter."""
    tokenizer = pieces(folder / "tokenizer.json")
    backbone = {
        "model_type": "swin",
        "image_size": SIZE,
        "embed_dim": 8,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 1, 2, 2],
        "window_size": 5,
        "mlp_ratio": 2.0,
        "out_features": ["stage2", "stage3", "stage4"],
    }
    text = {"model_type": "bert", "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 256}
    sizes = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_queries": 40}
    config = GroundingDinoConfig(backbone_config=backbone, text_config=text, **sizes, **heads)
    special = [tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]", ".", "?")]
    modeling_grounding_dino.generate_masks_with_special_tokens_and_transfer_map = lambda input_ids, special_tokens: (
        blocks(input_ids, special)
    )
    net = seeded(GroundingDinoForObjectDetection(config))
    net.model.decoder.layer_norm.weight.data *= 0.2  # or every score is 1
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    )
    image_processor = GroundingDinoImageProcessorPil(size={"height": SIZE, "width": SIZE}, do_pad=False)
    processor = GroundingDinoProcessor(image_processor, fast)
    ids = torch.tensor([tokenizer.encode(CAPTIONS[0]).ids])
    inputs = {
        "pixel_values": torch.randn(1, 3, SIZE, SIZE),
        "input_ids": ids,
        "token_type_ids": torch.zeros_like(ids),
        "attention_mask": torch.ones_like(ids),
        "pixel_mask": torch.ones(1, SIZE, SIZE, dtype=torch.long),
    }
    axes = {name: {0: "batch"} for name in ("pixel_values", "pixel_mask", "logits", "pred_boxes")}
    axes |= {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "token_type_ids", "attention_mask")}
    if authors:
        export_as_authors(folder / "model.onnx", net, ids, special)
    else:
        export(folder / "model.onnx", Answers(_ground, net), inputs, ["logits", "pred_boxes"], axes)
    net.eval()  # the exporter leaves it in training, where dropout is on
    answers: dict[str, np.ndarray] = {}
    for name in PROMPTED:
        picture = opened(name)
        for i, caption in enumerate(CAPTIONS):
            given = processor(images=picture, text=caption, return_tensors="pt")
            given["token_type_ids"] = torch.zeros_like(given["input_ids"])
            with torch.no_grad():
                outputs = net(**given)
            scores = outputs.logits.sigmoid().max(-1).values[0].sort(descending=True).values
            box, word = float(scores[12:14].mean()), float(scores[12:14].mean()) * 0.9
            (found,) = processor.post_process_grounded_object_detection(
                outputs, given["input_ids"], box, word, [(picture.height, picture.width)]
            )
            answers[f"{name}.{i}.boxes"] = found["boxes"].numpy()
            answers[f"{name}.{i}.scores"] = found["scores"].numpy()
            answers[f"{name}.{i}.phrases"] = np.array(found["text_labels"])
            answers[f"{name}.{i}.thresholds"] = np.array([box, word])
    image = {"width": SIZE, "height": SIZE, "resize": "stretch", "interpolation": "antialias-linear"}
    write(folder, {"task": TASK, "family": "grounding-dino", "input": {**image, "mean": MEAN, "std": STD}}, answers)


def export_as_authors(path: Path, net: Any, ids: torch.Tensor, special: Any) -> None:
    """``img``, and which token sees which and where each stands in its phrase as inputs instead of inside."""
    generator = modeling_grounding_dino.generate_masks_with_special_tokens_and_transfer_map
    seen, places = blocks(ids, special)
    inputs = {
        "img": torch.randn(1, 3, SIZE, SIZE),
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids, dtype=torch.bool),
        "position_ids": places,
        "token_type_ids": torch.zeros_like(ids),
        "text_token_mask": seen,
    }
    tokens = ("input_ids", "attention_mask", "position_ids", "token_type_ids")
    axes = {name: {0: "batch_size", 1: "seq_len"} for name in tokens}
    axes |= {"text_token_mask": {0: "batch_size", 1: "seq_len", 2: "seq_len"}}
    axes |= {name: {0: "batch_size"} for name in ("img", "logits", "boxes")}
    export(path, Answers(_ground_as_authors, net), inputs, ["logits", "boxes"], axes)
    modeling_grounding_dino.generate_masks_with_special_tokens_and_transfer_map = generator


def _ground_as_authors(net: Any, pixels: Any, *texts: Any) -> Any:
    ids, mask, places, types, seen = texts
    modeling_grounding_dino.generate_masks_with_special_tokens_and_transfer_map = lambda *_, **__: (seen, places)
    whole = torch.ones(pixels.shape[0], SIZE, SIZE, dtype=torch.long)
    found = net(pixel_values=pixels, input_ids=ids, token_type_ids=types, attention_mask=mask.long(), pixel_mask=whole)
    return found.logits, found.pred_boxes


def _ground(net: Any, pixels: Any, ids: Any, types: Any, mask: Any, pixel_mask: Any) -> Any:
    found = net(pixel_values=pixels, input_ids=ids, token_type_ids=types, attention_mask=mask, pixel_mask=pixel_mask)
    return found.logits, found.pred_boxes


def owl_net(tokenizer: Tokenizer) -> Owlv2ForObjectDetection:
    """OWLv2, small."""
    common = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**common, "vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": 16}
    text |= {"eos_token_id": tokenizer.token_to_id("<|endoftext|>")}
    vision = {**common, "image_size": SIZE, "patch_size": 16}
    return seeded(Owlv2ForObjectDetection(Owlv2Config(text_config=text, vision_config=vision, projection_dim=32)))


def owlv2_joint(folder: Path) -> None:
    """Optimum's one graph: its inputs, its outputs, its open axes."""
    tokenizer = words(folder / "tokenizer.json")
    net = owl_net(tokenizer)
    ids = torch.randint(1, tokenizer.get_vocab_size(), (2, 16))
    inputs = {
        "input_ids": ids,
        "pixel_values": torch.randn(1, 3, SIZE, SIZE),
        "attention_mask": torch.ones_like(ids),
    }
    axes = {name: {0: "text_batch_size", 1: "sequence_length"} for name in ("input_ids", "attention_mask")}
    axes |= {"pixel_values": {0: "image_batch_size", 1: "num_channels", 2: "height", 3: "width"}}
    axes |= {"logits": {0: "image_batch_size", 2: "num_queries"}, "text_embeds": {0: "text_batch_size"}}
    axes |= {name: {0: "image_batch_size"} for name in ("objectness_logits", "pred_boxes", "image_embeds")}
    outputs = ["logits", "objectness_logits", "pred_boxes", "text_embeds", "image_embeds"]
    export(folder / "model.onnx", Answers(_owl_joint, net), inputs, outputs, axes)
    owl_answers(folder, tokenizer, net)


def _owl_joint(net: Any, ids: Any, pixels: Any, mask: Any) -> Any:
    found = net(input_ids=ids, pixel_values=pixels, attention_mask=mask)
    return found.logits, found.objectness_logits, found.pred_boxes, found.text_embeds, found.image_embeds


def owlv2(folder: Path) -> None:
    """Three files: the image side with all that exemplars need, the text side, and the tokenizer."""
    tokenizer = words(folder / "tokenizer.json")
    net = owl_net(tokenizer)
    outputs = ["objectness_logits", "pred_boxes", "class_embeds", "logit_shift", "logit_scale"]
    export(
        folder / "image.onnx",
        Answers(_owl_image, net),
        {"pixel_values": torch.randn(1, 3, SIZE, SIZE)},
        outputs,
        {name: {0: "batch"} for name in ["pixel_values", *outputs]},
    )
    ids = torch.randint(1, tokenizer.get_vocab_size(), (2, 16))
    export(
        folder / "textual.onnx",
        Answers(_owl_text, net),
        {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        ["text_embeds"],
        {name: {0: "texts"} for name in ("input_ids", "attention_mask", "text_embeds")},
    )
    owl_answers(folder, tokenizer, net)


def owl_answers(folder: Path, tokenizer: Tokenizer, net: Owlv2ForObjectDetection) -> None:
    """What transformers finds on every picture, and the manifest."""
    processor = Owlv2ImageProcessorPil(size={"height": SIZE, "width": SIZE})
    net.eval()
    answers: dict[str, np.ndarray] = {}
    for name in PROMPTED:
        picture = opened(name)
        rows = [tokenizer.encode(query).ids[:16] for query in QUERIES]
        ids = torch.tensor([row + [0] * (16 - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (16 - len(row)) for row in rows])
        given = processor(picture, return_tensors="pt")
        with torch.no_grad():
            outputs_ = net(input_ids=ids, attention_mask=mask, pixel_values=given["pixel_values"].float())
        scores = outputs_.logits.sigmoid().max(-1).values[0].sort(descending=True).values
        threshold = float(scores[9:11].mean())
        (found,) = processor.post_process_object_detection(outputs_, threshold, [(picture.height, picture.width)])
        answers[f"{name}.boxes"] = found["boxes"].numpy()
        answers[f"{name}.scores"] = found["scores"].numpy()
        answers[f"{name}.labels"] = found["labels"].numpy()
        answers[f"{name}.threshold"] = np.array([threshold])
    image = {"width": SIZE, "height": SIZE, "resize": "stretch"}
    image |= {"mean": processor.image_mean, "std": processor.image_std}
    write(folder, {"task": TASK, "family": "owlv2", "input": image}, answers)


def _owl_image(net: Any, pixels: Any) -> Any:
    features, _ = net.image_embedder(pixel_values=pixels)[:2]
    batch, rows, columns, width = features.shape
    flat = features.reshape(batch, rows * columns, width)
    head = net.class_head
    shift, scale = head.logit_shift(flat), head.elu(head.logit_scale(flat)) + 1
    boxes = net.box_predictor(flat, features)
    return net.objectness_predictor(flat), boxes, head.dense0(flat), shift, scale


def _owl_text(net: Any, ids: Any, mask: Any) -> Any:
    found = net.owlv2.text_projection(net.owlv2.text_model(input_ids=ids, attention_mask=mask).pooler_output)
    return found / found.norm(dim=-1, keepdim=True)


class World(torch.nn.Module):
    """What YOLO-World answers to an image and the vectors of texts: boxes, and a score for each text."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = torch.nn.Sequential(
            *(torch.nn.Conv2d(3, 12, 7, 8, 3), torch.nn.SiLU(), torch.nn.Conv2d(12, 24, 3, 2, 1), torch.nn.SiLU())
        )
        self.boxes = torch.nn.Conv2d(24, 4, 1)
        self.regions = torch.nn.Conv2d(24, width, 1)

    def forward(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        found = self.trunk(images)
        raw = self.boxes(found).flatten(2)
        rows, columns = found.shape[2], found.shape[3]
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres = torch.stack([x.flatten(), y.flatten()])[None] * 16.0 + 8
        boxes = torch.cat([centres + raw[:, :2].tanh() * 16, raw[:, 2:].sigmoid() * 96 + 4], 1)
        regions = torch.nn.functional.normalize(self.regions(found).flatten(2), dim=1)
        scores = (torch.einsum("bkd,bdn->bkn", texts, regions) * 4).sigmoid()
        return torch.cat([boxes, scores], 1)


def yolo_world(folder: Path) -> None:
    """The net beside the text side of our small CLIP, whose vectors are 24 numbers long."""
    net = seeded(World(24))
    export(
        folder / "model.onnx",
        net,
        {"images": torch.rand(1, 3, SIZE, SIZE), "txt_feats": torch.randn(1, 3, 24)},
        ["output0"],
        {
            "images": {0: "batch"},
            "txt_feats": {0: "batch", 1: "texts"},
            "output0": {0: "batch", 1: "rows"},
        },
    )
    for name in ("textual.onnx", "tokenizer.json"):
        shutil.copyfile(FOLDER / "clip" / name, folder / name)
    image = {"width": SIZE, "height": SIZE}
    write(folder, {"task": TASK, "family": "yolo-world", "input": image}, answers={})


CASES: dict[str, Callable[[Path], None]] = {
    "grounding-dino": grounding_dino,
    "grounding-dino-authors": lambda folder: grounding_dino(folder, authors=True),
    "owlv2": owlv2,
    "owlv2-joint": owlv2_joint,
    "yolo-world": yolo_world,
}
