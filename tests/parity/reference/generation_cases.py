"""Small generating nets of transformers with seeded weights, kept whole, and the tokens that ``generate`` answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrOCRConfig, TrOCRForCausalLM, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig
from transformers.models.trocr import modeling_trocr
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from tests.parity import pictures
from tests.parity.generation import BEAMS, TOKENS
from tests.parity.reference.decoders import causal_mask, ended, export_two, merge
from tests.parity.reference.foundation_cases import Answers, export, kept, opened, seeded, write
from tests.parity.reference.words import ROBERTA, byte_pairs

SIZE = 48
START, PAD, END = 0, 1, 2


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; ``cache`` is not needed."""
    del cache
    return kept(CASES, only)


def lively(net: Any) -> Any:
    """A seeded decoder that does not repeat itself: positions count, and attention looks at few places."""
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "embed_positions" in name:
                weight.mul_(30)
            if "decoder" in name and "q_proj" in name:
                weight.mul_(12)
    return net


def trocr(folder: Path, *, merged: bool) -> None:
    """TrOCR: ViT and a decoder with learned positions."""
    tokenizer = byte_pairs(folder / "tokenizer.json", first=ROBERTA)
    common = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    decoder = TrOCRConfig(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=48,
        decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=96,
        cross_attention_hidden_size=48,
        max_position_embeddings=256,
        scale_embedding=False,
    )
    encoder = ViTConfig(image_size=SIZE, patch_size=12, **common)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id = END, PAD
    net = lively(seeded(VisionEncoderDecoderModel(config=config)))
    assert isinstance(net.decoder, TrOCRForCausalLM)
    processor = ViTImageProcessorPil(size={"height": SIZE, "width": SIZE})
    pixels = torch.randn(2, 3, SIZE, SIZE)
    export(
        folder / "encoder_model.onnx",
        Answers(lambda net, pixels: net.encoder(pixel_values=pixels).last_hidden_state, net),
        {"pixel_values": pixels},
        ["last_hidden_state"],
        {"pixel_values": {0: "batch"}, "last_hidden_state": {0: "batch"}},
    )

    def call(net: Any, ids: torch.Tensor, states: torch.Tensor, mask: torch.Tensor | None, cache: Any) -> torch.Tensor:
        del mask
        return net(input_ids=ids, encoder_hidden_states=states, cache=cache).logits

    usual, modeling_trocr.create_causal_mask = modeling_trocr.create_causal_mask, causal_mask
    states = net.encoder(pixel_values=pixels).last_hidden_state.detach()
    export_two(folder, (net.decoder, call), ("input_ids", torch.randint(3, 99, (2, 3))), states, 2)
    if merged:
        merge(folder)
    modeling_trocr.create_causal_mask = usual
    answers: dict[str, np.ndarray] = {}
    for name in pictures.NAMES[:5]:
        seen = processor(opened(name), return_tensors="pt")
        options = {"eos_token_id": END, "pad_token_id": PAD, "decoder_start_token_id": END}
        found = net.generate(**seen, do_sample=False, max_new_tokens=TOKENS, num_beams=1, **options)
        answers[name] = np.array(ended(found, 1, [END]))
        with torch.no_grad():
            forced = net(**seen, decoder_input_ids=found[:, :-1]).logits[0]
        answers[f"{name}.logits"] = forced[::20].numpy()
        for way, ask in BEAMS.items():
            found = net.generate(**seen, do_sample=False, **options, **ask)
            answers[f"{name}.{way}"] = np.array(ended(found, 1, [END]))
    write(
        folder,
        {
            "task": "ocr",
            "family": "trocr",
            "input": {
                "width": SIZE,
                "height": SIZE,
                "resize": "stretch",
                "interpolation": "antialias-linear",
                "mean": processor.image_mean,
                "std": processor.image_std,
            },
            "generation": {"eos_token_id": END, "decoder_start_token_id": END, "context_length": 256},
        },
        answers,
    )


CASES: dict[str, Callable[[Path], None]] = {
    "trocr": lambda folder: trocr(folder, merged=False),
    "trocr-merged": lambda folder: trocr(folder, merged=True),
}
