"""SAM of its authors, small and seeded: exported by their own code, and asked by it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image

# All that we use of the package takes of torchvision are these two, which are Pillow's; the rest is there by name only.
STANDINS = ("torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms")
for _name in (*STANDINS, "torchvision.transforms.functional"):
    sys.modules[_name] = ModuleType(_name)
_boxes: Any = sys.modules["torchvision.ops.boxes"]
_boxes.batched_nms = _boxes.box_area = None
_functional: Any = sys.modules["torchvision.transforms.functional"]
_functional.to_pil_image = Image.fromarray
_functional.resize = lambda picture, size: picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)

from segment_anything import SamPredictor  # noqa: E402 - after what it imports
from segment_anything.modeling import (  # noqa: E402
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from segment_anything.utils.onnx import SamOnnxModel  # noqa: E402

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def small(size: int, width: int) -> Sam:
    """A SAM of two layers."""
    encoder = ImageEncoderViT(
        depth=2,
        embed_dim=32,
        img_size=size,
        mlp_ratio=2,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        num_heads=2,
        patch_size=16,
        qkv_bias=True,
        use_rel_pos=True,
        global_attn_indexes=(1,),
        window_size=4,
        out_chans=width,
    )
    grid = (size // 16, size // 16)
    prompts = PromptEncoder(embed_dim=width, image_embedding_size=grid, input_image_size=(size, size), mask_in_chans=16)
    decoder = MaskDecoder(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=64, num_heads=2),
        transformer_dim=width,
        iou_head_depth=3,
        iou_head_hidden_dim=32,
    )
    return Sam(image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder, pixel_mean=MEAN, pixel_std=STD)


class Encoder(torch.nn.Module):
    """The encoder of an image [3, size, size] that is ready, or of pixels [h, w, 3]."""

    def __init__(self, net: Sam, size: int, *, pixels: bool) -> None:
        super().__init__()
        self.net, self.size, self.pixels = net, size, pixels

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if self.pixels:
            image = (image.permute(2, 0, 1) - self.net.pixel_mean) / self.net.pixel_std
            below, right = self.size - image.shape[1], self.size - image.shape[2]
            image = torch.nn.functional.pad(image, (0, right, 0, below))[None]
        return self.net.image_encoder(image)


def export(net: Sam, folder: Path, size: int, width: int, *, pixels: bool) -> None:
    """encoder.onnx and decoder.onnx."""
    options: dict[str, Any] = {"opset_version": 17, "dynamo": False}
    name = "input_image" if pixels else "image"
    axes = {"input_image": {0: "rows", 1: "columns"}} if pixels else {}
    example = torch.rand(size - 8, size, 3) * 255 if pixels else torch.randn(1, 3, size, size)
    torch.onnx.export(
        Encoder(net, size, pixels=pixels),
        (example,),
        str(folder / "encoder.onnx"),
        input_names=[name],
        output_names=["image_embeddings"],
        dynamic_axes=axes,
        **options,
    )
    grid = size // 16
    inputs = {
        "image_embeddings": torch.randn(1, width, grid, grid),
        "point_coords": torch.rand(1, 5, 2) * size,
        "point_labels": torch.randint(0, 4, (1, 5)).float(),
        "mask_input": torch.randn(1, 1, 4 * grid, 4 * grid),
        "has_mask_input": torch.ones(1),
        "orig_im_size": torch.tensor([size - 20.0, size]),
    }
    torch.onnx.export(
        SamOnnxModel(net, return_single_mask=True),
        tuple(inputs.values()),
        str(folder / "decoder.onnx"),
        input_names=list(inputs),
        output_names=["masks", "iou_predictions", "low_res_masks"],
        dynamic_axes={"point_coords": {1: "n"}, "point_labels": {1: "n"}},
        **options,
    )


def decoder(net: Sam) -> Callable[[Image.Image, Any, np.ndarray | None], tuple[np.ndarray, float, np.ndarray]]:
    """The predictor's answer, with the mask that the exported decoder would choose."""
    predictor = SamPredictor(net)

    def decode(picture: Image.Image, prompt: Any, low: np.ndarray | None) -> tuple[np.ndarray, float, np.ndarray]:
        predictor.set_image(np.asarray(picture))
        points = np.array([point[:2] for point in prompt["points"]], np.float32).reshape(-1, 2)
        labels = np.array([point[2] for point in prompt["points"]], np.int32)
        box = None if prompt["box"] is None else np.array(prompt["box"], np.float32)
        count = len(points) + (1 if box is None else 2)
        masks, scores, lows = predictor.predict(
            points if len(points) else None,
            labels if len(points) else None,
            box,
            None if low is None else low[None],
            multimask_output=count < 3,
            return_logits=True,
        )
        best = int(scores.argmax())
        return masks[best], float(scores[best]), lows[best]

    return decode
