"""Moondream2 of its authors' repository, small, with seeded weights: exported as a user would, and what it answers.

``PYTHONPATH`` names a checkout of it (github:vikhyat/moondream, 44146f1) and ``examples``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import export_moondream2
import numpy as np
import torch
from moondream.torch import config as stated
from moondream.torch import image_crops, moondream, text, vision

from tests.parity import pictures
from tests.parity.generation import TOKENS
from tests.parity.moondream import CUT, OBJECTS, PROMPTS, SIDES, THINGS
from tests.parity.reference.foundation_cases import kept, opened, seeded, write
from tests.parity.reference.words import byte_pairs

WIDTH, SEEN = 64, 16
SHARP, LOUD = 12.0, 5.0
"""How much sharper than seeded the decoder looks, and how much more it minds what it sees."""
GREEDY = {"temperature": 0, "max_tokens": TOKENS}
NAMES = pictures.NAMES[:5]


def run(cache: Path, only: str) -> Iterator[str]:
    """Write the cases; ``cache`` is not needed."""
    del cache
    return kept(CASES, only)


def prepared(image: Any, config: Any, device: Any) -> tuple[torch.Tensor, tuple[int, int]]:
    """As the reference prepares crops, in single precision."""
    cut = image_crops.overlap_crop_image(
        np.array(image.convert("RGB")), max_crops=config.max_crops, overlap_margin=config.overlap_margin
    )
    pixels = torch.from_numpy(cut["crops"]).permute(0, 3, 1, 2).to(device, torch.float32)
    return pixels / 255 / 0.5 - 1, cut["tiling"]


def made(folder: Path) -> Any:
    """The net. Its sides are those that its code takes for granted; its width is not."""
    tokenizer = byte_pairs(folder / "tokenizer.json", ["<eos>", "<answer>", "<ask>", "<is>"])
    size = tokenizer.get_vocab_size()
    end, answer, ask, is_ = (tokenizer.token_to_id(mark) for mark in ("<eos>", "<answer>", "<ask>", "<is>"))
    templates = {
        "caption": {"short": [ask, 40, is_, 41, answer], "normal": [ask, 40, is_, 42, answer]},
        "query": {"prefix": [ask, 43, is_], "suffix": [answer]},
        "detect": {"prefix": [ask, 44, 45, is_], "suffix": [answer]},
        "point": {"prefix": [ask, 46, is_], "suffix": [answer]},
    }
    config = stated.MoondreamConfig(
        text=stated.TextConfig(dim=WIDTH, ff_dim=128, n_layers=2, vocab_size=size, n_heads=1, n_kv_heads=1),
        vision=stated.VisionConfig(enc_dim=SEEN, enc_ff_dim=32, enc_n_heads=2, proj_out_dim=WIDTH, proj_inner_dim=64),
        region=stated.RegionConfig(dim=WIDTH, coord_feat_dim=32, size_feat_dim=32, inner_dim=32),
        tokenizer=stated.TokenizerConfig(bos_id=end, eos_id=end, answer_id=answer, templates=templates),
    )
    moondream.Tokenizer.from_pretrained = lambda _: tokenizer
    moondream.prepare_crops = vision.prepare_crops = prepared
    net = seeded(moondream.MoondreamModel(config, dtype=torch.float32))
    with torch.no_grad():
        torch.nn.init.normal_(net.vision.pos_emb, 0, 0.5)
        for name, bias in net.named_parameters():
            if name.endswith("bias"):  # what is the same everywhere makes all texts alike
                bias.zero_()
        torch.nn.init.normal_(net.text.wte)
        for block in net.text.blocks:
            block.attn.qkv.weight[:WIDTH] *= SHARP
            block.attn.proj.weight *= LOUD
        for token in (end, ask, is_):
            net.text.lm_head.weight[token], net.text.lm_head.bias[token] = 0, -9
        for part in (net.region.coord_features, net.region.size_features):
            torch.nn.init.normal_(part, 0, 3)
    return net


class Heard:
    """The tokens that a net takes, by the logits that it takes them from."""

    def __init__(self, net: Any) -> None:
        self.logits: list[torch.Tensor] = []
        first, then = type(net)._prefill_prompt, type(net)._decode_one_tok
        net._prefill_prompt = lambda *a, **k: self.keep(first(net, *a, **k))
        net._decode_one_tok = lambda *a, **k: self.keep(then(net, *a, **k))

    def keep(self, answer: Any) -> Any:
        """Changed afterwards, where a token is forbidden: so the tensor itself is kept."""
        self.logits.append(answer[0])
        return answer

    def tokens(self) -> list[int]:
        """The likeliest of each step."""
        return [int(logits.argmax()) for logits in self.logits]


def ids_of(net: Any, prompt: str) -> list[int]:
    """The tokens of a prompt as ``query`` and ``caption`` make them."""
    known = net.config.tokenizer.templates
    if prompt.startswith("caption"):
        return known["caption"]["short" if "short" in prompt else "normal"]
    asked = net.tokenizer.encode(prompt.removeprefix("query: ")).ids
    return [*known["query"]["prefix"], *asked, *known["query"]["suffix"] * 2]


def told(net: Any, image: Any, prompt: str, name: str) -> dict[str, np.ndarray]:
    """A text's tokens, and the logits of its own tokens in one run."""
    heard, image = Heard(net), net.encode_image(image)
    if prompt.startswith("caption"):
        net.caption(image, "short" if "short" in prompt else "normal", settings=GREEDY)
    else:
        net.query(image, prompt.removeprefix("query: "), settings=GREEDY)
    tokens, asked = heard.tokens()[:TOKENS], ids_of(net, prompt)
    with torch.no_grad():
        net.load_encoded_image(image)
        fed = torch.tensor([[*asked, *tokens[:-1]]])
        at = torch.arange(image.pos, image.pos + fed.shape[1])
        mask = net.attn_mask[:, :, image.pos : image.pos + fed.shape[1]]
        hidden = text.text_decoder(text.text_encoder(fed, net.text), net.text, mask, at, net.config.text, None)
        logits = text._lm_head(hidden, net.text)[0, len(asked) - 1 :][::20]
    found = {name: tokens, f"{name}.prompt": asked, f"{name}.logits": logits.numpy()}
    return {key: np.array(value) for key, value in found.items()}


def placed(net: Any, image: Any, thing: str, name: str) -> dict[str, np.ndarray]:
    """Boxes [n, 4] and points [n, 2] of what is looked for, as shares of the image."""
    limit, image = {"max_objects": OBJECTS}, net.encode_image(image)
    boxes = [list(box.values()) for box in net.detect(image, thing, settings=limit)["objects"]]
    points = [list(point.values()) for point in net.point(image, thing, settings=limit)["points"]]
    return {
        f"{name}.boxes": np.array(boxes, np.float64).reshape(-1, 4),
        f"{name}.points": np.array(points, np.float64).reshape(-1, 2),
    }


def stop_of(net: Any) -> int:
    """The likeliest token behind some object: the end of the lists, for those that shall have one."""
    heard = Heard(net)
    net.detect(net.encode_image(opened(NAMES[0])), THINGS[0], settings={"max_objects": OBJECTS})
    return heard.tokens()[3 * 4]


def case(folder: Path) -> None:
    """Graphs and answers."""
    net = made(folder)
    export_moondream2.export_all(folder, net)
    writing = json.loads((folder / "generation_config.json").read_text())
    short = json.dumps({**writing, "max_new_tokens": 60}, indent=1)  # it never ends by itself
    (folder / "generation_config.json").write_text(short + "\n")
    answers: dict[str, np.ndarray] = {}
    for name, prompt, thing in zip(NAMES, PROMPTS, THINGS, strict=True):
        answers |= told(net, opened(name), prompt, name)
        answers |= placed(net, opened(name), thing, name)
    stop, config = stop_of(net), net.config
    net.config = dataclasses.replace(config, tokenizer=dataclasses.replace(config.tokenizer, eos_id=stop))
    for name, thing in zip(NAMES, THINGS, strict=True):
        answers |= placed(net, opened(name), thing, f"{name}.ended")
    answers["stop"] = np.array(stop)
    for name in CUT:
        cut, answers[f"{name}.layout"] = prepared(opened(name), config.vision, "cpu")
        answers[f"{name}.pixels"] = cut[:, :, ::18, ::18].numpy()
        answers[f"{name}.seen"] = net._run_vision_encoder(opened(name))[::27, ::8].detach().numpy()
    tilings = [image_crops.select_tiling(h - 112, w - 112, 266, 12) for h, w in SIDES]
    answers["layouts"] = np.array(tilings)
    square = {"width": 378, "height": 378, "resize": "stretch", "mean": [0.5] * 3, "std": [0.5] * 3}
    image = {**square, "interpolation": "antialias-cubic"}
    write(folder, {"task": "lmm", "family": "moondream2", "input": image}, answers)


CASES: dict[str, Callable[[Path], None]] = {"moondream2": case}
