"""A small Florence-2 with seeded weights, kept whole, what it writes, and how its processor reads texts with places."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import (
    BartConfig,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.bart import modeling_bart
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

from tests.parity import florence, pictures
from tests.parity.generation import TOKENS
from tests.parity.reference.decoders import causal_mask, ended, export_two, merge
from tests.parity.reference.foundation_cases import Answers, export, kept, opened, seeded, write
from tests.parity.reference.generation_cases import END, PAD, START, lively
from tests.parity.reference.words import ROBERTA, byte_pairs

SIZE, SEEN = 64, 5
BEAMS: dict[str, Any] = {"num_beams": 3, "max_new_tokens": 60, "no_repeat_ngram_size": 3, "early_stopping": True}
PARSERS = {
    name: {}
    for name in ("ocr", "phrase_grounding", "pure_text", "description_with_bboxes", "description_with_polygons")
} | {"polygons": {}, "bboxes": {}, "description_with_bboxes_or_polygons": {}}


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; ``cache`` is not needed."""
    del cache
    return kept(CASES, only)


def words(path: Path) -> Tokenizer:
    """BART's kind, with Florence's tokens for places."""
    marks = ["<od>", "</od>", "<ocr>", "</ocr>", "<cap>", "</cap>", "<ncap>", "</ncap>", "<dcap>", "</dcap>"]
    marks += ["<grounding>", "</grounding>", "<seg>", "</seg>", "<sep>", "<region_cap>", "</region_cap>"]
    marks += ["<region_to_desciption>", "</region_to_desciption>", "<proposal>", "</proposal>", "<poly>", "</poly>"]
    marks += ["<and>", *(f"<loc_{i}>" for i in range(1000)), "<image>"]
    return byte_pairs(path, marks, ROBERTA)


def padding_mask(inputs_embeds: torch.Tensor, attention_mask: torch.Tensor | None, **_: Any) -> torch.Tensor | None:
    """transformers' mask, in operators that are traced with open sizes."""
    if attention_mask is None:
        return None
    return (1 - attention_mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min


def florence2(folder: Path) -> None:
    """DaViT and BART."""
    tokenizer = words(folder / "tokenizer.json")
    common = {"d_model": 48, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4}
    text = BartConfig(
        vocab_size=tokenizer.get_vocab_size(),
        decoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        max_position_embeddings=320,
        bos_token_id=START,
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=END,
        forced_eos_token_id=None,
        **common,
    )
    vision = Florence2VisionConfig(
        depths=(1, 1, 1, 1),
        embed_dim=(16, 24, 32, 40),
        num_heads=(2, 2, 2, 2),
        num_groups=(2, 2, 2, 2),
        window_size=4,
        projection_dim=48,
    )
    config = Florence2Config(text_config=text, vision_config=vision, image_token_id=tokenizer.token_to_id("<image>"))
    config._attn_implementation = "eager"
    net = lively(seeded(Florence2ForConditionalGeneration(config)))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    fast.image_token, fast.image_token_id = "<image>", tokenizer.token_to_id("<image>")
    images = CLIPImageProcessorPil(
        size={"height": SIZE, "width": SIZE},
        do_center_crop=False,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    images.image_seq_length = SEEN
    processor = Florence2Processor.__new__(Florence2Processor)
    processor.check_argument_for_proper_class = lambda *_, **__: None
    Florence2Processor.__init__(processor, images, fast, post_processor_config=PARSERS)
    graphs(folder, net)
    answers: dict[str, np.ndarray] = {}
    prompts = processor._construct_prompts(list(florence.PROMPTS))
    for name, prompt in zip(pictures.NAMES[:5], prompts, strict=True):
        pixels = images(opened(name), return_tensors="pt")["pixel_values"]
        ids = fast("<s>" + prompt + "</s>", add_special_tokens=False, return_tensors="pt")["input_ids"]
        whole = torch.cat([torch.full((1, SEEN), fast.image_token_id), ids], dim=1)
        seen = {"input_ids": whole, "attention_mask": torch.ones_like(whole), "pixel_values": pixels}
        options = {"eos_token_id": END, "pad_token_id": PAD, "decoder_start_token_id": END, "do_sample": False}
        found = net.generate(**seen, max_new_tokens=TOKENS, num_beams=1, no_repeat_ngram_size=0, **options)
        answers[name] = np.array(ended(found, 1, [END]))
        with torch.no_grad():
            forced = net(**seen, decoder_input_ids=found[:, :-1]).logits[0]
        answers[f"{name}.logits"] = forced[::20].numpy()
        found = net.generate(**seen, **options, **BEAMS)
        answers[f"{name}.beams"] = np.array(ended(found, 1, [END]))
    read = {
        task: [[processor.post_process_generation(each, None, task, size)[task] for size in florence.SIZES]
               for each in florence.texts()]
        for task in florence.TASKS
    }  # fmt: skip
    alone = processor.task_prompts_without_inputs
    asked = {t: processor._construct_prompts(t if t in alone else t + " x y") for t in florence.TASKS}
    (folder / "reference.json").write_text(json.dumps({"prompts": asked, "read": read}, ensure_ascii=False))
    manifest = {
        "task": "lmm",
        "family": "florence-2",
        "input": {
            "width": SIZE,
            "height": SIZE,
            "resize": "stretch",
            "interpolation": "antialias-cubic",
            "mean": images.image_mean,
            "std": images.image_std,
        },
        "generation": {"eos_token_id": END, "decoder_start_token_id": END, "context_length": 320, "max_new_tokens": 60},
    }
    write(folder, manifest, answers)


def graphs(folder: Path, net: Any) -> None:
    """The five that the usual exports have."""
    usual = modeling_bart.create_causal_mask, modeling_bart.create_bidirectional_mask
    modeling_bart.create_causal_mask, modeling_bart.create_bidirectional_mask = causal_mask, padding_mask
    pixels = torch.randn(2, 3, SIZE, SIZE)
    batch, length = {0: "batch"}, {0: "batch", 1: "length"}
    export(
        folder / "vision_encoder.onnx",
        Answers(lambda net, pixels: net.get_image_features(pixels).pooler_output, net),
        {"pixel_values": pixels},
        ["image_features"],
        {"pixel_values": batch, "image_features": batch},
    )
    export(
        folder / "embed_tokens.onnx",
        Answers(lambda net, ids: net.get_input_embeddings()(ids), net),
        {"input_ids": torch.randint(3, 99, (2, 3))},
        ["inputs_embeds"],
        {"input_ids": length, "inputs_embeds": length},
    )
    bart = net.model.language_model
    states = torch.randn(2, 7, 48)
    mask = torch.ones(2, 7, dtype=torch.long)
    export(
        folder / "encoder_model.onnx",
        Answers(
            lambda bart, mask, embeds: bart.encoder(inputs_embeds=embeds, attention_mask=mask).last_hidden_state, bart
        ),
        {"attention_mask": mask, "inputs_embeds": states},
        ["last_hidden_state"],
        {"attention_mask": length, "inputs_embeds": length, "last_hidden_state": length},
    )

    def call(net: Any, embeds: torch.Tensor, states: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:
        made = net.model.language_model.decoder(
            inputs_embeds=embeds, encoder_hidden_states=states, encoder_attention_mask=mask, cache=cache
        )
        return net.lm_head(made.last_hidden_state)

    export_two(folder, (net, call), ("inputs_embeds", torch.randn(2, 3, 48)), states, 2, masked=True)
    merge(folder)
    modeling_bart.create_causal_mask, modeling_bart.create_bidirectional_mask = usual


CASES: dict[str, Callable[[Path], None]] = {"florence2": florence2}


CASES: dict[str, Callable[[Path], None]] = {"florence2": florence2}
