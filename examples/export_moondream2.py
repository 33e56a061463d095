"""Write Moondream2 as the graphs that Visionfleet reads, from the code of its authors.

    python examples/export_moondream2.py CHECKOUT/moondream/config/config_md2.json model.safetensors tokenizer.json OUT

Run it where ``moondream`` (the authors' repository), torch and onnx can be imported; the weights and the tokenizer are
those of the same revision. Apache-2.0, as that code and its weights.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from moondream.torch import region
from moondream.torch.layers import layer_norm, mlp
from moondream.torch.rope import apply_rotary_emb
from moondream.torch.vision import vision_encoder
from torch import Tensor, nn
from torch.nn import functional

OPSET = 17
TALK: dict[int, str] = {0: "batch", 1: "length"}


class Calls(nn.Module):
    """A part of the model for the exporter."""

    def __init__(self, call: Callable[..., Any], net: Any) -> None:
        super().__init__()
        self.net, self.call = net, call

    def forward(self, *inputs: Tensor) -> Any:
        return self.call(self.net, *inputs)


def decode(net: Any, embeds: Tensor, counts: Tensor, positions: Tensor, *past: Tensor) -> Any:
    """Embeddings and past to logits, features and past: all look at the prefix, the rest from left to right."""
    config, text = net.config.text, net.text
    at = counts.cumsum(1) - 1  # of each place of past and present, the number that it counts as
    prefix = config.prefix_attn
    seen = (at[:, None] <= positions[:, :, None]) | ((at[:, None] < prefix) & (positions[:, :, None] < prefix))
    seen = (seen & counts[:, None].to(torch.bool))[:, None]
    batch, length = positions.shape  # flatten and unflatten would bake the example's into the graph
    heads, pairs, size = config.n_heads, config.n_kv_heads, config.dim // config.n_heads
    present = []
    for layer, block in enumerate(text.blocks):
        inner = layer_norm(embeds, block.ln)
        parts = block.attn.qkv(inner).split([heads * size, pairs * size, pairs * size], dim=-1)
        query, key, value = (part.view(batch, length, -1, size).transpose(1, 2) for part in parts)
        query, key = (turned(part, positions, text.freqs_cis) for part in (query, key))
        key = torch.cat([past[2 * layer], key], dim=2)
        value = torch.cat([past[2 * layer + 1], value], dim=2)
        present += [key, value]
        if pairs != heads:
            key, value = (part.repeat_interleave(heads // pairs, dim=1) for part in (key, value))
        looked = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        embeds = embeds + block.attn.proj(looked.transpose(1, 2).reshape(batch, length, -1)) + mlp(inner, block.mlp)
    logits = text.lm_head(layer_norm(embeds, text.post_ln))
    return (logits, embeds, *present)


def turned(part: Tensor, positions: Tensor, table: Tensor) -> Tensor:
    """Rotary positions, which may differ from row to row: the authors' function takes one row's, so rows are heads."""
    batch, heads, length, size = part.shape
    lone = part.transpose(0, 1).reshape(heads, batch * length, size)[None]
    made = apply_rotary_emb(lone, table, positions.reshape(-1), heads)
    return made[0].reshape(heads, batch, length, size).transpose(0, 1)


def export(path: Path, module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], axes: Any) -> None:
    """One graph."""
    torch.onnx.export(
        module.eval(),
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def export_sight(folder: Path, net: Any) -> None:
    """Crops to features, and those of whole and crops to what the decoder reads."""
    config = net.config.vision
    side, cells = config.crop_size, (config.crop_size // config.enc_patch_size) ** 2
    export(
        folder / "vision_encoder.onnx",
        Calls(lambda net, pixels: vision_encoder(pixels, net.vision, config), net),
        {"pixel_values": torch.randn(2, 3, side, side)},
        ["features"],
        {"pixel_values": {0: "crops"}, "features": {0: "crops"}},
    )
    export(
        folder / "vision_projection.onnx",
        Calls(lambda net, both: mlp(both, net.vision.proj_mlp), net),
        {"features": torch.randn(1, cells, 2 * config.enc_dim)},
        ["image_features"],
        {"features": {0: "batch"}, "image_features": {0: "batch"}},
    )


def export_text(folder: Path, net: Any) -> None:
    """Tokens to embeddings, and the decoder."""
    config = net.config.text
    export(
        folder / "embed_tokens.onnx",
        Calls(lambda net, ids: functional.embedding(ids, net.text.wte), net),
        {"input_ids": torch.ones(2, 3, dtype=torch.long)},
        ["inputs_embeds"],
        {"input_ids": TALK, "inputs_embeds": TALK},
    )
    names = [f"{i}.{part}" for i in range(config.n_layers) for part in ("key", "value")]
    inputs = {
        "inputs_embeds": torch.randn(2, 3, config.dim),
        "attention_mask": torch.ones(2, 7, dtype=torch.long),
        "position_ids": torch.arange(4, 7)[None].repeat(2, 1),
    }
    axes: dict[str, dict[int, str]] = dict.fromkeys(("inputs_embeds", "position_ids", "logits", "hidden"), TALK)
    axes["attention_mask"] = {0: "batch", 1: "whole"}
    for name in names:
        inputs[f"past_key_values.{name}"] = torch.randn(2, config.n_kv_heads, 4, config.dim // config.n_heads)
        axes |= {f"past_key_values.{name}": {0: "batch", 2: "past"}, f"present.{name}": {0: "batch", 2: "whole"}}
    outputs = ["logits", "hidden", *(f"present.{name}" for name in names)]
    export(folder / "decoder_model_merged.onnx", Calls(decode, net), inputs, outputs, axes)


def export_region(folder: Path, net: Any) -> None:
    """Coordinates and sizes, from features and to embeddings."""
    width = net.config.region.dim
    parts: dict[str, tuple[Callable[..., Any], Tensor]] = {
        "coord_encoder": (lambda net, at: region.encode_coordinate(at, net.region), torch.rand(2, 1)),
        "coord_decoder": (lambda net, mind: region.decode_coordinate(mind, net.region), torch.randn(2, width)),
        "size_encoder": (lambda net, size: region.encode_size(size, net.region), torch.rand(2, 2)),
        "size_decoder": (
            lambda net, mind: mlp(mind, net.region.size_decoder).view(mind.shape[0], 2, -1),
            torch.randn(2, width),
        ),
    }
    for name, (call, example) in parts.items():
        rows = {"input": {0: "batch"}, "output": {0: "batch"}}
        export(folder / f"{name}.onnx", Calls(call, net), {"input": example}, ["output"], rows)


def export_all(folder: Path, net: Any) -> None:
    """All graphs, moondream.json and generation_config.json of a ``MoondreamModel`` in single precision."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for part in (export_sight, export_text, export_region):
            part(folder, net)
    tokenizer, vision = net.config.tokenizer, net.config.vision
    templates = {name: prompt for name, prompt in tokenizer.templates.items() if prompt}
    query = templates["query"]
    templates["query"] = {**query, "suffix": query["suffix"] * 2}  # as the authors' code puts it for a plain answer
    config = {
        "bos_id": tokenizer.bos_id,
        "patch_size": vision.enc_patch_size,
        "overlap_margin": vision.overlap_margin,
        "max_crops": vision.max_crops,
        "templates": templates,
    }
    writing = {"eos_token_id": tokenizer.eos_id, "suppress_tokens": [tokenizer.answer_id], "max_new_tokens": 768}
    writing["context_length"] = net.config.text.max_context
    for name, stated in (("moondream.json", config), ("generation_config.json", writing)):
        (folder / name).write_text(json.dumps(stated, indent=1) + "\n")


def main() -> None:
    """From a configuration, weights and a tokenizer."""
    from moondream.torch import moondream  # noqa: PLC0415 - its tokenizer comes from the file, not from the hub
    from moondream.torch.config import MoondreamConfig  # noqa: PLC0415
    from moondream.torch.weights import load_weights_into_model  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    config, weights, words, folder = map(Path, sys.argv[1:])
    moondream.Tokenizer.from_pretrained = lambda _: Tokenizer.from_file(str(words))
    net = moondream.MoondreamModel(MoondreamConfig.from_dict(json.loads(config.read_text())), setup_caches=False)
    load_weights_into_model(str(weights), net)
    export_all(folder, net.float())
    shutil.copy(words, folder / "tokenizer.json")


if __name__ == "__main__":
    main()
