"""Small nets of Hugging Face's transformers with seeded weights, kept whole: graphs, tokenizer, and what they answer.

Unlike the recordings of detectors these hold the graphs, which are small and of permissive licences. What the reference
answers is kept as numbers, a sample of them where there are many.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPConfig,
    CLIPModel,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.depth_anything import modeling_depth_anything
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

from tests.parity import pictures
from tests.parity.foundation import FOLDER, TEXTS, sample

# Whole numbers would bake the size of the example into the graph; of what is traced, none may be made.
modeling_depth_anything.int = lambda size: size if isinstance(size, torch.Tensor) else int(size)
OPSET = 17
DEPTH_SIZE = 70
CLIP_SIZE = 48
CONTEXT = 16


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; ``cache`` is not needed, they take seconds."""
    del cache
    return kept(CASES, only)


def kept(cases: Mapping[str, Callable[[Path], None]], only: str) -> Iterator[str]:
    """Write the folders of nets, each from the same seed."""
    for name, make in cases.items():
        if only in ("all", name):
            torch.manual_seed(9)
            (FOLDER / name).mkdir(parents=True, exist_ok=True)
            make(FOLDER / name)
            yield name


def seeded(net: Any) -> Any:
    """The net with weights that keep activations of the size that they come in: the usual ones shrink to nothing."""
    for weight in net.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, 0, weight[0].numel() ** -0.5)
    return net.eval()


def opened(name: str) -> Image.Image:
    """A picture, upright, in RGB."""
    return ImageOps.exif_transpose(Image.open(BytesIO(pictures.read(name)))).convert("RGB")


class Answers(torch.nn.Module):
    """A net whose answer is one tensor, or several, for the exporter."""

    def __init__(self, call: Callable[..., Any], net: torch.nn.Module) -> None:
        super().__init__()
        self.net, self.call = net, call

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.call(self.net, *inputs)


def export(
    path: Path, module: torch.nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str], open_: Any
) -> None:
    """One graph with the axes of ``open_`` left open."""
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=open_,
        opset_version=OPSET,
        dynamo=False,
    )


def write(folder: Path, manifest: dict[str, Any], answers: dict[str, np.ndarray]) -> None:
    """model.json with the hashes of the files that lie there, and the answers."""
    beside = ["tokenizer.json", "chat_template.jinja", "preprocessor_config.json", "moondream.json"]
    beside += ["generation_config.json"] if "generation" not in manifest else []
    files = sorted(path for path in folder.iterdir() if path.suffix == ".onnx" or path.name in beside)
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    text = json.dumps({"id": folder.name, **manifest, "files": hashes, "licence": "Apache-2.0"}, indent=1)
    if "generation" in manifest:  # as exporters have it beside the graphs; model.json goes before it
        (folder / "generation_config.json").write_text(json.dumps(manifest["generation"], indent=1) + "\n")
    (folder / "model.json").write_text(text + "\n")
    np.savez_compressed(folder / "answers.npz", **answers)


def depth_anything(folder: Path, *, fixed: bool) -> None:
    """Depth Anything V2: DINOv2, neck and head."""
    backbone = Dinov2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=DEPTH_SIZE,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )
    sizes = {"reassemble_hidden_size": 32, "neck_hidden_sizes": [8, 12, 16, 16], "fusion_hidden_size": 12}
    net = seeded(
        DepthAnythingForDepthEstimation(DepthAnythingConfig(backbone_config=backbone, head_hidden_size=8, **sizes))
    )
    processor = DPTImageProcessorPil(
        size={"height": DEPTH_SIZE, "width": DEPTH_SIZE},
        keep_aspect_ratio=not fixed,
        ensure_multiple_of=14,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    folder.mkdir(parents=True, exist_ok=True)
    axes = {0: "batch"} if fixed else {0: "batch", 2: "height", 3: "width"}
    shown = {0: "batch"} if fixed else {0: "batch", 1: "height", 2: "width"}
    export(
        folder / "model.onnx",
        Answers(lambda net, pixels: net(pixels).predicted_depth, net),
        {"pixel_values": torch.randn(2, 3, DEPTH_SIZE, DEPTH_SIZE)},
        ["predicted_depth"],
        {"pixel_values": axes, "predicted_depth": shown},
    )
    answers = {}
    for name in pictures.NAMES:
        picture = opened(name)
        with torch.no_grad():
            outputs = net(**processor(picture, return_tensors="pt"))
        (found,) = processor.post_process_depth_estimation(outputs, [(picture.height, picture.width)])
        depth = found["predicted_depth"].numpy()
        answers[name] = sample((depth - depth.min()) / (depth.max() - depth.min()))
        answers[f"{name}.scale"] = np.array([depth.min(), depth.max()])
    manifest = {
        "task": "depth-estimation",
        "family": "depth-anything",
        "input": {
            "width": DEPTH_SIZE,
            "height": DEPTH_SIZE,
            "resize": "stretch",
            "interpolation": "antialias-cubic",
            "mean": processor.image_mean,
            "std": processor.image_std,
        },
    }
    write(folder, manifest, answers)


def words(path: Path) -> Tokenizer:
    """A tokenizer of CLIP's kind, with the few merges that our texts teach it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(" +", " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.add_special_tokens(special)  # last, as in CLIP: the end has the highest id, which the net looks for
    ids = [tokenizer.token_to_id(name) for name in special]
    tokenizer.post_processor = processors.RobertaProcessing(
        (special[1], ids[1]), (special[0], ids[0]), trim_offsets=False, add_prefix_space=False
    )
    tokenizer.save(str(path))
    return tokenizer


def clip(folder: Path, *, joint: bool) -> None:
    """CLIP, as two graphs or as one."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = words(folder / "tokenizer.json")
    end, size = tokenizer.token_to_id("<|endoftext|>"), tokenizer.get_vocab_size()
    common = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**common, "vocab_size": size, "max_position_embeddings": CONTEXT, "eos_token_id": end, "projection_dim": 24}
    vision = {**common, "image_size": CLIP_SIZE, "patch_size": 12, "projection_dim": 24}
    net = seeded(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)))
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": CLIP_SIZE}, crop_size={"height": CLIP_SIZE, "width": CLIP_SIZE}
    )
    pixels = {"pixel_values": torch.randn(2, 3, CLIP_SIZE, CLIP_SIZE)}
    ids = {
        "input_ids": torch.randint(0, size, (2, CONTEXT)),
        "attention_mask": torch.ones(2, CONTEXT, dtype=torch.long),
    }
    if joint:
        outputs = ["logits_per_image", "logits_per_text", "text_embeds", "image_embeds"]
        named = {**ids, **pixels}
        axes = {name: {0: "batch"} for name in [*named, *outputs[2:]]}
        export(folder / "model.onnx", Answers(_joint, net), named, outputs, axes)
    else:
        sides = ("visual.onnx", _image, pixels, "image_features"), ("textual.onnx", _text, ids, "text_features")
        for name, call, inputs, output in sides:
            if call is _text:
                inputs.pop("attention_mask")
            axes = {each: {0: "batch"} for each in [*inputs, output]}
            export(folder / name, Answers(call, net), inputs, [output], axes)
    answers: dict[str, np.ndarray] = {}
    with torch.no_grad():
        for name in pictures.NAMES:
            found = _image(net, processor(opened(name), return_tensors="pt")["pixel_values"])[0]
            answers[name] = (found / found.norm() if joint else found).numpy()
        for i, each in enumerate(TEXTS):
            row = tokenizer.encode(each).ids
            row = row if len(row) <= CONTEXT else [*row[: CONTEXT - 1], end]
            found = _text(net, torch.tensor([row]))[0]
            answers[f"text.{i}"] = (found / found.norm() if joint else found).numpy()
    interpolation = {"resize": "center-crop", "interpolation": "antialias-cubic", "crop_offset": "floor"}
    manifest = {
        "task": "embedding",
        "family": "clip",
        "input": {
            "width": CLIP_SIZE,
            "height": CLIP_SIZE,
            **interpolation,
            "mean": processor.image_mean,
            "std": processor.image_std,
        },
    }
    write(folder, manifest, answers)


def _image(net: CLIPModel, pixels: torch.Tensor) -> torch.Tensor:
    return net.visual_projection(net.vision_model(pixel_values=pixels).pooler_output)


def _text(net: CLIPModel, ids: torch.Tensor) -> torch.Tensor:
    return net.text_projection(net.text_model(input_ids=ids).pooler_output)


def _joint(net: CLIPModel, ids: torch.Tensor, mask: torch.Tensor, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    found = net(input_ids=ids, attention_mask=mask, pixel_values=pixels)
    return found.logits_per_image, found.logits_per_text, found.text_embeds, found.image_embeds


CASES: dict[str, Callable[[Path], None]] = {
    "depth-anything": lambda folder: depth_anything(folder, fixed=False),
    "depth-anything-fixed": lambda folder: depth_anything(folder, fixed=True),
    "clip": lambda folder: clip(folder, joint=False),
    "clip-joint": lambda folder: clip(folder, joint=True),
}
