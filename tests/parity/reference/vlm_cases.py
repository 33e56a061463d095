"""Small models that read image and words as one sequence, with seeded weights, kept whole, and what they write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    DynamicCache,
    GemmaConfig,
    LlamaConfig,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.configuration_smolvlm import SmolVLMVisionConfig
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
from transformers.models.smolvlm.processing_smolvlm import get_image_prompt_string

from tests.parity import chats, pictures, vlm
from tests.parity.generation import TOKENS
from tests.parity.reference.decoders import ended
from tests.parity.reference.foundation_cases import Answers, export, kept, opened, seeded, write
from tests.parity.reference.words import byte_pairs

LAYERS, WIDTH = 2, 48
TEXT: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 96,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": False,
}
SEES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": vlm.SIDE,
    "patch_size": 8,
}
HALF = [0.5, 0.5, 0.5]


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; ``cache`` is not needed."""
    del cache
    return kept(CASES, only)


def lively(net: Any, *never: int) -> Any:
    """A seeded decoder that does not repeat itself and does not end: attention looks at few places."""
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "q_proj" in name and "vision" not in name:
                weight.mul_(vlm.SHARP)
        net.lm_head.weight[list(never)] = 0
    return net


class Decoder(torch.nn.Module):
    """Embeddings and past to logits and past; an empty past is allowed."""

    def __init__(self, net: Any, text: Any, *, causal: bool) -> None:
        super().__init__()
        self.net, self.text, self.causal = net, text, causal

    def forward(self, embeds: torch.Tensor, *rest: torch.Tensor) -> Any:
        counts, rest = (rest[0], rest[1:]) if self.causal else (None, rest)
        positions, past = rest[0], rest[1:]
        cache = DynamicCache([(past[i], past[i + 1]) for i in range(0, len(past), 2)])
        new, before = embeds.shape[1], past[0].shape[2]
        seen = torch.ones(new, before + new, dtype=torch.bool)[None, None]
        if counts is not None:
            columns = torch.arange(before + new)
            seen = (columns[None] <= (torch.arange(new) + before)[:, None])[None, None]
            seen = seen & counts[:, None, None, :].to(torch.bool)
        mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min).expand(embeds.shape[0], 1, -1, -1)
        made = self.text(inputs_embeds=embeds, attention_mask=mask, position_ids=positions, cache=cache)
        logits = self.net.lm_head(made.last_hidden_state)
        return (logits, *(part for layer in cache.layers for part in (layer.keys, layer.values)))


def export_words(folder: Path, net: Any) -> None:
    """embed_tokens.onnx."""
    length = {0: "batch", 1: "length"}
    export(
        folder / "embed_tokens.onnx",
        Answers(lambda net, ids: net.get_input_embeddings()(ids), net),
        {"input_ids": torch.randint(3, 99, (2, 3))},
        ["inputs_embeds"],
        {"input_ids": length, "inputs_embeds": length},
    )


def export_decoder(folder: Path, net: Any, text: Any, heads: int, *, causal: bool) -> None:
    """decoder_model_merged.onnx."""
    names = [f"{i}.{part}" for i in range(LAYERS) for part in ("key", "value")]
    inputs: dict[str, torch.Tensor] = {"inputs_embeds": torch.randn(2, 3, WIDTH)}
    axes: dict[str, dict[int, str]] = {"inputs_embeds": {0: "batch", 1: "length"}, "logits": {0: "batch", 1: "length"}}
    if causal:
        inputs["attention_mask"] = torch.ones(2, 7, dtype=torch.long)
        axes["attention_mask"] = {0: "batch", 1: "whole"}
    inputs["position_ids"] = torch.arange(4, 7)[None].repeat(2, 1)
    axes["position_ids"] = {0: "batch", 1: "length"}
    for name in names:
        inputs[f"past_key_values.{name}"] = torch.randn(2, heads, 4, 12)
        axes |= {f"past_key_values.{name}": {0: "batch", 2: "past"}, f"present.{name}": {0: "batch", 2: "whole"}}
    export(
        folder / "decoder_model_merged.onnx",
        Decoder(net, text, causal=causal).eval(),
        inputs,
        ["logits", *(f"present.{name}" for name in names)],
        axes,
    )


def told(net: Any, seen: dict[str, torch.Tensor], end: int, name: str) -> dict[str, np.ndarray]:
    """What ``generate`` writes, and the logits of its own tokens, in one run of the whole."""
    length = seen["input_ids"].shape[1]
    options = {"eos_token_id": end, "pad_token_id": 0, "do_sample": False}
    answers: dict[str, np.ndarray] = {}
    with torch.no_grad():
        found = net.generate(**seen, max_new_tokens=TOKENS, **options)
        whole = {**seen, "input_ids": found[:, :-1], "attention_mask": torch.ones_like(found[:, :-1])}
        if "token_type_ids" in whole:
            written = found.shape[1] - 1 - length
            whole["token_type_ids"] = torch.cat([seen["token_type_ids"], torch.ones(1, written, dtype=torch.long)], 1)
        answers[f"{name}.logits"] = net(**whole).logits[0, length - 1 :][::20].numpy()
        beams = net.generate(**seen, max_new_tokens=40, num_beams=3, early_stopping=True, **options)
    answers[name] = np.array(ended(found, length, [end]))
    answers[f"{name}.beams"] = np.array(ended(beams, length, [end]))
    answers[f"{name}.prompt"] = seen["input_ids"][0].numpy()
    return answers


def smolvlm(folder: Path) -> None:
    """SigLIP, pixel shuffle, Llama."""
    marks = ["<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<global-img>", "<image>"]
    marks += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    tokenizer = byte_pairs(folder / "tokenizer.json", marks)
    end, image = (tokenizer.token_to_id(mark) for mark in ("<end_of_utterance>", "<image>"))
    config = SmolVLMConfig(
        text_config=LlamaConfig(vocab_size=tokenizer.get_vocab_size(), pad_token_id=0, **TEXT),
        vision_config=SmolVLMVisionConfig(**SEES),
        scale_factor=2,
        image_token_id=image,
        tie_word_embeddings=False,
    )
    config._attn_implementation = "eager"
    net = lively(seeded(SmolVLMForConditionalGeneration(config)), end)
    export_words(folder, net)
    export_decoder(folder, net, net.model.text_model, 2, causal=True)

    def sees(net: Any, pixels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        seen = torch.where(mask[:, :, None], pixels, 0.0).flatten(0, 1)
        part = net.model.vision_model
        states = part.embeddings.patch_embedding(seen).flatten(2).transpose(1, 2)
        states = states + part.embeddings.position_embedding.weight[None]  # tiles are always full
        states = part.encoder(inputs_embeds=states, attention_mask=None).last_hidden_state
        return net.model.connector(part.post_layernorm(states))

    tiles = {0: "batch", 1: "tiles"}
    export(
        folder / "vision_encoder.onnx",
        Answers(sees, net),
        {
            "pixel_values": torch.randn(1, 3, 3, vlm.SIDE, vlm.SIDE),
            "pixel_attention_mask": torch.ones(1, 3, vlm.SIDE, vlm.SIDE, dtype=torch.bool),
        },
        ["image_features"],
        {"pixel_values": tiles, "pixel_attention_mask": tiles, "image_features": {0: "tiles"}},
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    stated = {"size": {"longest_edge": vlm.LONGEST}, "image_mean": HALF, "image_std": HALF}
    images = SmolVLMImageProcessorPil(max_image_size={"longest_edge": vlm.SIDE}, **stated)
    answers: dict[str, np.ndarray] = {}
    for name, prompt in zip(pictures.NAMES[:5], vlm.PROMPTS, strict=True):
        given = images(opened(name), return_tensors="pt", return_row_col_info=True)
        shown = get_image_prompt_string(
            given["rows"][0][0], given["cols"][0][0], 4, "<fake_token_around_image>", "<image>", "<global-img>"
        )
        talk = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]
        text = fast.apply_chat_template(
            talk, chat_template=chats.TEMPLATES["colons"], tokenize=False, add_generation_prompt=True
        ).replace("<image>", shown)
        ids = fast(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        seen = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        seen |= {key: given[key] for key in ("pixel_values", "pixel_attention_mask")}
        answers |= told(net, seen, end, name)
        answers[f"{name}.pixels"] = given["pixel_values"][0, :, :, ::8, ::8].numpy()
    (folder / "chat_template.jinja").write_text(chats.TEMPLATES["colons"])
    (folder / "preprocessor_config.json").write_text(
        json.dumps({**stated, "do_image_splitting": True}, indent=1) + "\n"
    )
    write(folder, manifest("smolvlm", "antialias-linear", end), answers)


def manifest(family: str, interpolation: str, end: int) -> dict[str, Any]:
    """model.json of a net."""
    square = {"width": vlm.SIDE, "height": vlm.SIDE, "resize": "stretch", "mean": HALF, "std": HALF}
    generation = {"eos_token_id": end, "context_length": 1024, "max_new_tokens": 60}
    image = {**square, "interpolation": interpolation}
    return {"task": "lmm", "family": family, "input": image, "generation": generation}


def paligemma(folder: Path) -> None:
    """SigLIP, one projection, Gemma that looks at the whole prompt from everywhere."""
    marks = ["<pad>", "<eos>", "<bos>", "<image>", *(f"<loc{i:04}>" for i in range(1024))]
    tokenizer = byte_pairs(folder / "tokenizer.json", marks)
    end, image = (tokenizer.token_to_id(mark) for mark in ("<eos>", "<image>"))
    text = {**TEXT, "num_key_value_heads": 1}
    config = PaliGemmaConfig(
        text_config=GemmaConfig(vocab_size=tokenizer.get_vocab_size(), pad_token_id=0, **text),
        vision_config=SiglipVisionConfig(projection_dim=WIDTH, vision_use_head=False, **SEES),
        image_token_index=image,
        image_token_id=image,
        projection_dim=WIDTH,
        hidden_size=WIDTH,
        tie_word_embeddings=False,
    )
    config._attn_implementation = "eager"
    net = lively(seeded(PaliGemmaForConditionalGeneration(config)), end, image)
    export_words(folder, net)
    export_decoder(folder, net, net.model.language_model, 1, causal=False)
    export(
        folder / "vision_encoder.onnx",
        Answers(lambda net, pixels: net.get_image_features(pixels).pooler_output, net),
        {"pixel_values": torch.randn(2, 3, vlm.SIDE, vlm.SIDE)},
        ["image_features"],
        {"pixel_values": {0: "batch"}, "image_features": {0: "batch"}},
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    images = SiglipImageProcessorPil(
        size={"height": vlm.SIDE, "width": vlm.SIDE}, image_mean=HALF, image_std=HALF, resample=3
    )
    answers: dict[str, np.ndarray] = {}
    for name, prompt in zip(pictures.NAMES[:5], vlm.PROMPTS, strict=True):
        pixels = images(opened(name), return_tensors="pt")["pixel_values"]
        whole = "<image>" * (vlm.SIDE // 8) ** 2 + f"<bos>{prompt}\n"  # as PaliGemmaProcessor writes it
        ids = fast(whole, add_special_tokens=False, return_tensors="pt")["input_ids"]
        seen = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
        answers |= told(net, {**seen, "pixel_values": pixels}, end, name)
    write(folder, manifest("paligemma", "antialias-cubic", end), answers)


CASES: dict[str, Callable[[Path], None]] = {"smolvlm": smolvlm, "paligemma": paligemma}
