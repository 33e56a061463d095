"""Decoders of transformers as graphs in optimum's layouts: two of them, or one with ``use_cache_branch``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from transformers import DynamicCache, EncoderDecoderCache

Call = Callable[..., torch.Tensor]
PARTS = ("decoder.key", "decoder.value", "encoder.key", "encoder.value")


def causal_mask(inputs_embeds: torch.Tensor, cache: Any, **_: Any) -> torch.Tensor:
    """transformers' mask, in operators that are traced with open sizes."""
    rows = inputs_embeds.shape[1]
    past = cache.get_seq_length()
    columns = torch.arange(past + rows)
    seen = columns[None] <= (torch.arange(rows) + past)[:, None]
    mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)
    return mask[None, None].expand(inputs_embeds.shape[0], 1, -1, -1)


class First(torch.nn.Module):
    """The first step: no past, all keys and values out."""

    def __init__(self, net: torch.nn.Module, call: Call) -> None:
        super().__init__()
        self.net, self.call = net, call

    def forward(self, fed: torch.Tensor, states: torch.Tensor, mask: torch.Tensor | None = None) -> Any:
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        logits = self.call(self.net, fed, states, mask, cache)
        return (logits, *_flat(cache.self_attention_cache, cache.cross_attention_cache))


class Then(torch.nn.Module):
    """A later step: the past in, the decoder's keys and values out."""

    def __init__(self, net: torch.nn.Module, call: Call, width: int, *, masked: bool) -> None:
        super().__init__()
        self.net, self.call, self.width, self.masked = net, call, width, masked

    def forward(self, fed: torch.Tensor, *past: torch.Tensor) -> Any:
        mask, past = (past[0], past[1:]) if self.masked else (None, past)
        layers = [past[i : i + 4] for i in range(0, len(past), 4)]
        own = DynamicCache([(key, value) for key, value, _, _ in layers])
        cross = DynamicCache([(key, value) for _, _, key, value in layers])
        cache = EncoderDecoderCache(own, cross)
        states = torch.zeros(fed.shape[0], 1, self.width)  # not looked at: the cache has what was made of them
        logits = self.call(self.net, fed, states, mask, cache)
        return (logits, *(part for layer in own.layers for part in (layer.keys, layer.values)))


def _flat(own: DynamicCache, cross: DynamicCache) -> list[torch.Tensor]:
    pairs = zip(own.layers, cross.layers, strict=True)
    return [part for a, b in pairs for part in (a.keys, a.values, b.keys, b.values)]


def export_two(
    folder: Path,
    part: tuple[torch.nn.Module, Call],
    fed: tuple[str, torch.Tensor],
    states: torch.Tensor,
    layers: int,
    *,
    masked: bool = False,
) -> None:
    """decoder_model.onnx and decoder_with_past_model.onnx of a net and how it is called."""
    name, example = fed
    mask = {"encoder_attention_mask": torch.ones(states.shape[:2], dtype=torch.long)} if masked else {}
    past = [f"past_key_values.{i}.{part}" for i in range(layers) for part in PARTS]
    present = [each.replace("past_key_values", "present") for each in past]
    with torch.no_grad():
        first = First(*part)
        made = first(example, states, *mask.values())
    axes: dict[str, dict[int, str]] = {name: {0: "batch", 1: "length"}, "logits": {0: "batch", 1: "length"}}
    axes |= {"encoder_hidden_states": {0: "batch", 1: "seen"}, "encoder_attention_mask": {0: "batch", 1: "seen"}}
    for each in (*past, *present):
        axes[each] = {0: "batch", 2: "seen" if ".encoder." in each else "past"}
    _export(
        folder / "decoder_model.onnx",
        first,
        {name: example, "encoder_hidden_states": states, **mask},
        ["logits", *present],
        axes,
    )
    inputs = {name: example[:, :1], **mask, **dict(zip(past, made[1:], strict=True))}
    own = [each for each in present if ".decoder." in each]
    then = Then(*part, states.shape[-1], masked=masked)
    _export(folder / "decoder_with_past_model.onnx", then, inputs, ["logits", *own], axes)


def _export(
    path: Path, module: torch.nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str], axes: Any
) -> None:
    torch.onnx.export(
        module.eval(),
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes={each: axes[each] for each in (*inputs, *outputs) if each in axes},
        opset_version=17,
        dynamo=False,
    )


def merge(folder: Path) -> None:
    """Both as decoder_model_merged.onnx, which ``use_cache_branch`` switches; the two are deleted."""
    first = _named(onnx.load(folder / "decoder_model.onnx"), "first.")
    then = _named(onnx.load(folder / "decoder_with_past_model.onnx"), "then.")
    weights, shared = [], {}
    for graph in (first.graph, then.graph):
        for weight in graph.initializer:
            known = shared.setdefault((tuple(weight.dims), weight.data_type, weight.raw_data), weight.name)
            if known == weight.name:
                weights.append(weight)
            else:
                _rename(graph, weight.name, known)
        del graph.initializer[:]
    outputs = [value.name for value in first.graph.output]
    for value in [value for value in first.graph.output if value.name not in {o.name for o in then.graph.output}]:
        past = value.name.replace("present", "past_key_values")
        then.graph.node.append(helper.make_node("Identity", [past], [value.name]))
        then.graph.output.append(value)
    branches = []
    for graph, prefix in ((then.graph, "then."), (first.graph, "first.")):
        ordered = {value.name: value for value in graph.output}
        renamed = []
        for name in outputs:
            graph.node.append(helper.make_node("Identity", [name], [prefix + "out." + name]))
            value = onnx.ValueInfoProto()
            value.CopyFrom(ordered[name])
            value.name = prefix + "out." + name
            renamed.append(value)
        branches.append(helper.make_graph(list(graph.node), prefix[:-1], [], renamed))
    inputs = {value.name: value for graph in (first.graph, then.graph) for value in graph.input}
    branch = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    node = helper.make_node("If", ["use_cache_branch"], outputs, then_branch=branches[0], else_branch=branches[1])
    graph = helper.make_graph([node], "merged", [*inputs.values(), branch], list(first.graph.output), weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "decoder_model_merged.onnx")
    for name in ("decoder_model.onnx", "decoder_with_past_model.onnx"):
        (folder / name).unlink()


def _named(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """With a prefix on every name that is neither input nor output."""
    graph = model.graph
    border = {value.name for value in (*graph.input, *graph.output)}
    inner = {name for node in graph.node for name in node.output} | {weight.name for weight in graph.initializer}
    for name in inner - border:
        _rename(graph, name, prefix + name)
    del graph.value_info[:]
    return model


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
    for weight in graph.initializer:
        if weight.name == old:
            weight.name = new


def ended(sequences: torch.Tensor, prompt: int, ends: Sequence[int]) -> list[int]:
    """The generated tokens of one row, without the end and what fills up behind it."""
    found = sequences[0, prompt:].tolist()
    stop = next((i for i, token in enumerate(found) if token in ends), len(found))
    return found[:stop]
