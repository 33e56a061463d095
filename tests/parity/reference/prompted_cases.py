"""SAM and SAM2 with seeded weights, as the exporters in use lay them out, and what their originals answer to prompts.

The layout of Meta needs ``segment-anything``; the others are transformers'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import Sam2Config, Sam2Model, SamConfig, SamModel
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from tests.parity.foundation import FOLDER, PROMPTED, PROMPTS, scaled
from tests.parity.reference.foundation_cases import Answers, export, opened, seeded, write

SIZE = 128
WIDTH = 32
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
Masks = tuple[np.ndarray, float, np.ndarray]
"""Logits of the best mask in source pixels, its score, its logits as the net answers them."""
Decode = Callable[[Image.Image, Any, np.ndarray | None], Masks]


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


def finish(folder: Path, family: str, decode: Decode, kinds: tuple[str, ...]) -> None:
    """Ask the original every prompt on every picture; then the first prompt again, with its mask."""
    answers: dict[str, np.ndarray] = {}
    for name in PROMPTED:
        picture = opened(name)
        low = None
        for kind in kinds:
            whole, score, low = decode(picture, scaled(PROMPTS[kind], picture.width, picture.height), None)
            answers[f"{name}.{kind}"] = np.packbits(whole > 0)
            answers[f"{name}.{kind}.score"] = np.array([score, (whole > 0).mean()])
            answers[f"{name}.{kind}.low"] = low.astype(np.float32)
        _, score, again = decode(picture, scaled(PROMPTS[kinds[0]], picture.width, picture.height), low)
        answers[f"{name}.again"] = again.astype(np.float32)
        answers[f"{name}.again.score"] = np.array([score])
    manifest = {
        "task": "promptable-segmentation",
        "family": family,
        "input": {
            "width": SIZE,
            "height": SIZE,
            "resize": "letterbox" if family == "sam" else "stretch",
            "interpolation": "antialias-linear",
            "mean": MEAN,
            "std": STD,
        },
    }
    write(folder, manifest, answers)


def boxed(prompt: Any) -> tuple[list[list[float]], list[int]]:
    """Points and labels, corners of a box last as labels 2 and 3."""
    points, labels = [list(p[:2]) for p in prompt["points"]], [int(p[2]) for p in prompt["points"]]
    if prompt["box"] is not None:
        x0, y0, x1, y1 = prompt["box"]
        points, labels = [*points, [x0, y0], [x1, y1]], [*labels, 2, 3]
    return points, labels


def sam_net() -> SamModel:
    """HF's SAM, small."""
    vision = {"hidden_size": 32, "output_channels": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": SIZE, "window_size": 4, "global_attn_indexes": [1], "num_pos_feats": WIDTH // 2}
    prompt = {"hidden_size": WIDTH, "image_size": SIZE}
    decoder = {"hidden_size": WIDTH, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32}
    return seeded(SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)))


def sam_hf(folder: Path, *, boxes: bool = False) -> None:
    """Optimum's two graphs; with ``boxes`` the decoder takes one in each prompt beside its points."""
    net = sam_net()
    pixels = torch.randn(1, 3, SIZE, SIZE)
    positions = net.get_image_wide_positional_embeddings().detach()
    export(
        folder / "vision_encoder.onnx",
        Answers(
            lambda net, pixels: (
                net.get_image_embeddings(pixels),
                net.get_image_wide_positional_embeddings().repeat(pixels.shape[0], 1, 1, 1),
            ),
            net,
        ),
        {"pixel_values": pixels},
        ["image_embeddings", "image_positional_embeddings"],
        {"pixel_values": {0: "batch"}, "image_embeddings": {0: "batch"}, "image_positional_embeddings": {0: "batch"}},
    )
    export(
        folder / "prompt_encoder_mask_decoder.onnx",
        Answers(_sam_decode_boxed if boxes else _sam_decode, net),
        {
            "input_points": torch.rand(1, 2, 3, 2) * SIZE,
            "input_labels": torch.randint(0, 2, (1, 2, 3)),
            **({"input_boxes": torch.rand(1, 2, 4) * SIZE} if boxes else {}),
            "image_embeddings": torch.randn(1, WIDTH, SIZE // 16, SIZE // 16),
            "image_positional_embeddings": positions,
        },
        ["iou_scores", "pred_masks"],
        {"input_points": {1: "p", 2: "n"}, "input_labels": {1: "p", 2: "n"}, "input_boxes": {1: "p"}},
    )
    processor = SamImageProcessorPil(
        size={"longest_edge": SIZE},
        mask_size={"longest_edge": SIZE // 4},
        pad_size={"height": SIZE, "width": SIZE},
        mask_pad_size={"height": SIZE // 4, "width": SIZE // 4},
    )

    def decode(picture: Image.Image, prompt: Any, low: np.ndarray | None) -> Masks:
        del low
        given = processor(picture, return_tensors="pt")
        rows, columns = given["reshaped_input_sizes"][0].tolist()
        gain = np.array([columns / picture.width, rows / picture.height])
        asked = told(prompt, gain)
        with torch.no_grad():
            found = net(pixel_values=given["pixel_values"], multimask_output=True, **asked)
        best = int(found.iou_scores[0, 0].argmax())
        kept = found.pred_masks[:, :, best : best + 1]
        (whole,) = processor.post_process_masks(
            kept, given["original_sizes"], given["reshaped_input_sizes"], binarize=False
        )
        return whole[0, 0].numpy(), float(found.iou_scores[0, 0, best]), kept[0, 0, 0].numpy()

    finish(folder, "sam", decode, ("box", "both") if boxes else ("point", "points"))


def told(prompt: Any, gain: Any) -> dict[str, torch.Tensor]:
    """A prompt as transformers' models of either kind take it."""
    given: dict[str, torch.Tensor] = {}
    if prompt["points"]:
        points, labels = boxed({**prompt, "box": None})
        given["input_points"] = torch.tensor(np.array(points) * gain, dtype=torch.float32)[None, None]
        given["input_labels"] = torch.tensor(labels)[None, None]
    if prompt["box"] is not None:
        given["input_boxes"] = torch.tensor(np.array(prompt["box"]) * np.tile(gain, 2), dtype=torch.float32)[None, None]
    return given


def _sam_decode_boxed(net: SamModel, points: Any, labels: Any, boxes: Any, embeddings: Any, positions: Any) -> Any:
    sparse, dense = net.prompt_encoder(input_points=points, input_labels=labels, input_boxes=boxes, input_masks=None)
    masks, scores = net.mask_decoder(
        image_embeddings=embeddings,
        image_positional_embeddings=positions,
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
    )[:2]
    return scores, masks


def _sam_decode(net: SamModel, points: Any, labels: Any, embeddings: Any, positions: Any) -> Any:
    sparse, dense = net.prompt_encoder(input_points=points, input_labels=labels, input_boxes=None, input_masks=None)
    masks, scores = net.mask_decoder(
        image_embeddings=embeddings,
        image_positional_embeddings=positions,
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
    )[:2]
    return scores, masks


def sam_meta(folder: Path, *, pixels: bool = False) -> None:
    """Meta's own decoder beside an encoder; with ``pixels`` an encoder of samexporter's, which normalises itself."""
    from tests.parity.reference import segment_anything_net as meta

    net = seeded(meta.small(SIZE, WIDTH))
    meta.export(net, folder, SIZE, WIDTH, pixels=pixels)
    finish(folder, "sam", meta.decoder(net), ("point", "points", "box", "both"))


def sam2_net() -> Sam2Model:
    """HF's SAM2, small."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIZE, SIZE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, 4, 4],
        "global_attention_blocks": [3],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[SIZE // 4] * 2, [SIZE // 8] * 2, [SIZE // 16] * 2],
        "fpn_hidden_size": WIDTH,
    }
    prompt = {"hidden_size": WIDTH, "image_size": SIZE}
    decoder = {"hidden_size": WIDTH, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32}
    return seeded(
        Sam2Model(Sam2Config(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder))
    )


def sam2(folder: Path, *, exporter: str, boxes: bool = False) -> None:
    """The graphs of Hugging Face's exporters, with or without boxes, or those of samexporter."""
    torch.manual_seed(2)  # whose masks cover neither nothing nor all
    net = sam2_net()
    hf = exporter == "hf"
    names = (
        [f"image_embeddings.{i}" for i in range(3)] if hf else ["high_res_feats_0", "high_res_feats_1", "image_embed"]
    )
    sides = (SIZE // 4, SIZE // 8, SIZE // 16)
    export(
        folder / ("vision_encoder.onnx" if hf else "encoder.onnx"),
        Answers(lambda net, pixels: tuple(net.get_image_embeddings(pixels)), net),
        {"pixel_values" if hf else "image": torch.randn(1, 3, SIZE, SIZE)},
        names,
        {name: {0: "batch"} for name in ["pixel_values", *names]} if hf else {},
    )
    features = {
        name: torch.randn(1, channels, side, side)
        for name, channels, side in zip(names, (WIDTH // 8, WIDTH // 4, WIDTH), sides, strict=True)
    }
    if hf:
        inputs = {
            "input_points": torch.rand(1, 2, 3, 2) * SIZE,
            "input_labels": torch.randint(0, 2 if boxes else 4, (1, 2, 3)),
            **({"input_boxes": torch.rand(1, 2, 4) * SIZE} if boxes else {}),
            **features,
        }
        export(
            folder / "prompt_encoder_mask_decoder.onnx",
            Answers(_sam2_decode_boxed if boxes else _sam2_decode, net),
            inputs,
            ["iou_scores", "pred_masks", "object_score_logits"],
            {"input_points": {1: "p", 2: "n"}, "input_labels": {1: "p", 2: "n"}, "input_boxes": {1: "p"}},
        )
    else:
        inputs = {
            **{name: features[name] for name in ("image_embed", "high_res_feats_0", "high_res_feats_1")},
            "point_coords": torch.rand(1, 3, 2) * SIZE,
            "point_labels": torch.randint(0, 4, (1, 3)).float(),
            "mask_input": torch.randn(1, 1, SIZE // 4, SIZE // 4),
            "has_mask_input": torch.ones(1),
        }
        export(
            folder / "decoder.onnx",
            Answers(_sam2_exporter, net),
            inputs,
            ["masks", "iou_predictions"],
            {"point_coords": {0: "b", 1: "n"}, "point_labels": {0: "b", 1: "n"}, "mask_input": {0: "b"}},
        )
    kinds = ("box", "both") if boxes else ("point", "points", "box", "both")
    finish(folder, "sam2", lambda *given: _sam2_answer(net, *given, again=not hf), kinds)


def _sam2_answer(net: Sam2Model, picture: Image.Image, prompt: Any, low: np.ndarray | None, *, again: bool) -> Masks:
    small = picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    pixels = (
        torch.tensor(np.asarray(small)).permute(2, 0, 1) / 255 - torch.tensor(MEAN)[:, None, None]
    ) / torch.tensor(STD)[:, None, None]
    gain = np.array([SIZE / picture.width, SIZE / picture.height])
    given = told(prompt, gain)
    if low is not None and again:
        given["input_masks"] = torch.tensor(low)[None, None]
    with torch.no_grad():
        found = net(pixel_values=pixels[None].float(), multimask_output=True, **given)
    best = int(found.iou_scores[0, 0].argmax())
    kept = found.pred_masks[0, :, best : best + 1]
    whole = torch.nn.functional.interpolate(kept, (picture.height, picture.width), mode="bilinear", align_corners=False)
    return whole[0, 0].numpy(), float(found.iou_scores[0, 0, best]), kept[0, 0].numpy()


def _sam2_decode(net: Sam2Model, points: Any, labels: Any, *features: Any) -> Any:
    found = net(input_points=points, input_labels=labels, image_embeddings=list(features), multimask_output=True)
    return found.iou_scores, found.pred_masks, found.object_score_logits


def _sam2_decode_boxed(net: Sam2Model, points: Any, labels: Any, boxes: Any, *features: Any) -> Any:
    found = net(
        input_points=points,
        input_labels=labels,
        input_boxes=boxes,
        image_embeddings=list(features),
        multimask_output=True,
    )
    return found.iou_scores, found.pred_masks, found.object_score_logits


def _sam2_exporter(net: Sam2Model, *inputs: Any) -> Any:
    embed, first, second, points, labels, mask, has = inputs
    labels = labels.long()
    encoder = net.prompt_encoder
    sparse = encoder._embed_points(points[:, None], labels[:, None], pad=True)
    sparse = sparse.reshape(points.shape[0], 1, -1, WIDTH)
    _, plain = encoder(input_points=points[:, None], input_labels=labels[:, None], input_boxes=None, input_masks=None)
    _, dense = encoder(input_points=points[:, None], input_labels=labels[:, None], input_boxes=None, input_masks=mask)
    masks, scores, _, _ = net.mask_decoder(
        image_embeddings=embed,
        image_positional_embeddings=net.get_image_wide_positional_embeddings(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=has * dense + (1 - has) * plain,
        multimask_output=True,
        high_resolution_features=[first, second],
    )
    return masks[:, 0], scores[:, 0]


CASES: dict[str, Callable[[Path], None]] = {
    "sam-hf": sam_hf,
    "sam-hf-boxes": lambda folder: sam_hf(folder, boxes=True),
    "sam-meta": sam_meta,
    "sam-exporter": lambda folder: sam_meta(folder, pixels=True),
    "sam2-hf": lambda folder: sam2(folder, exporter="hf"),
    "sam2-hf-boxes": lambda folder: sam2(folder, exporter="hf", boxes=True),
    "sam2-exporter": lambda folder: sam2(folder, exporter="samexporter"),
}
