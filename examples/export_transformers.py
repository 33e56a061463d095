"""Write a model of Hugging Face's transformers as the graphs that Visionfleet reads.

    python examples/export_transformers.py MODEL OUT
    visionfleet models add OUT --id ID

MODEL is a folder of the hub or its name there: CLIP, Depth Anything, OWLv2, SAM or SAM2. Run it where
torch, transformers (5.23 and 5.24 were tried) and onnx can be imported.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForDepthEstimation, AutoModelForZeroShotObjectDetection

OPSET = 17
BESIDE = ("tokenizer.json", "preprocessor_config.json")


class Calls(nn.Module):
    """A net for the exporter, called as a graph is."""

    def __init__(self, call: Callable[..., Any], net: Any) -> None:
        super().__init__()
        self.net, self.call = net, call

    def forward(self, *inputs: Tensor) -> Any:
        return self.call(self.net, *inputs)


def write(
    path: Path, call: Callable[..., Any], net: Any, inputs: dict[str, Tensor], outputs: list[str], open_: Any
) -> None:
    """One graph; the axes of ``open_`` may be of any size."""
    wrapped = Calls(call, net).eval()
    names = {"input_names": list(inputs), "output_names": outputs, "dynamic_axes": open_}
    torch.onnx.export(wrapped, tuple(inputs.values()), str(path), opset_version=OPSET, dynamo=False, **names)


def batch(*names: str) -> dict[str, dict[int, str]]:
    """Tensors whose first axis is the batch."""
    return {name: {0: "batch"} for name in names}


def pixels(side: int) -> dict[str, Tensor]:
    """A picture."""
    return {"pixel_values": torch.randn(1, 3, side, side)}


def clip(net: Any, out: Path) -> None:
    """``visual.onnx`` and ``textual.onnx``."""
    vision, text = net.config.vision_config, net.config.text_config
    ids = {"input_ids": torch.randint(0, text.vocab_size, (2, text.max_position_embeddings))}
    image = lambda net, pixels: net.visual_projection(net.vision_model(pixel_values=pixels).pooler_output)  # noqa: E731
    words = lambda net, ids: net.text_projection(net.text_model(input_ids=ids).pooler_output)  # noqa: E731
    write(
        out / "visual.onnx",
        image,
        net,
        pixels(vision.image_size),
        ["image_features"],
        batch("pixel_values", "image_features"),
    )
    write(out / "textual.onnx", words, net, ids, ["text_features"], batch("input_ids", "text_features"))


def depth_anything(net: Any, out: Path) -> None:
    """``model.onnx`` of one size, the usual 518 pixels or what the backbone says."""
    side = net.config.backbone_config.image_size
    call = lambda net, pixels: net(pixels).predicted_depth  # noqa: E731
    write(out / "model.onnx", call, net, pixels(side), ["predicted_depth"], batch("pixel_values", "predicted_depth"))


def owlv2(net: Any, out: Path) -> None:
    """``image.onnx``, with what examples need, and ``textual.onnx``."""
    names = ["objectness_logits", "pred_boxes", "class_embeds", "logit_shift", "logit_scale"]
    write(
        out / "image.onnx",
        owl_image,
        net,
        pixels(net.config.vision_config.image_size),
        names,
        batch("pixel_values", *names),
    )
    ids = torch.randint(1, net.config.text_config.vocab_size, (2, net.config.text_config.max_position_embeddings))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    write(out / "textual.onnx", owl_text, net, inputs, ["text_embeds"], batch(*inputs, "text_embeds"))


def owl_image(net: Any, pixels: Tensor) -> Any:
    features = net.image_embedder(pixel_values=pixels)[0]
    count, rows, columns, width = features.shape
    flat, head = features.reshape(count, rows * columns, width), net.class_head
    shift, scale = head.logit_shift(flat), head.elu(head.logit_scale(flat)) + 1
    return net.objectness_predictor(flat), net.box_predictor(flat, features), head.dense0(flat), shift, scale


def owl_text(net: Any, ids: Tensor, mask: Tensor) -> Tensor:
    found: Tensor = net.owlv2.text_projection(net.owlv2.text_model(input_ids=ids, attention_mask=mask).pooler_output)
    return found / found.norm(dim=-1, keepdim=True)


def sam(net: Any, out: Path) -> None:
    """``vision_encoder.onnx`` and ``prompt_encoder_mask_decoder.onnx``, which takes points."""
    side, width = net.config.vision_config.image_size, net.config.prompt_encoder_config.hidden_size
    names = ["image_embeddings", "image_positional_embeddings"]
    write(out / "vision_encoder.onnx", sam_image, net, pixels(side), names, batch("pixel_values", *names))
    cells = side // net.config.vision_config.patch_size
    features = {names[0]: torch.randn(1, width, cells, cells), names[1]: net.get_image_wide_positional_embeddings()}
    write(
        out / "prompt_encoder_mask_decoder.onnx",
        sam_masks,
        net,
        points(side) | features,
        ["iou_scores", "pred_masks"],
        POINTS,
    )


def points(side: int) -> dict[str, Tensor]:
    return {"input_points": torch.rand(1, 2, 3, 2) * side, "input_labels": torch.randint(0, 2, (1, 2, 3))}


POINTS = {"input_points": {1: "prompts", 2: "points"}, "input_labels": {1: "prompts", 2: "points"}}


def sam_image(net: Any, pixels: Tensor) -> Any:
    places = net.get_image_wide_positional_embeddings()
    return net.get_image_embeddings(pixels), places.repeat(pixels.shape[0], 1, 1, 1)


def sam_masks(net: Any, points: Tensor, labels: Tensor, features: Tensor, places: Tensor) -> Any:
    found = net(input_points=points, input_labels=labels, image_embeddings=features, multimask_output=True)
    return found.iou_scores, found.pred_masks + 0 * places.sum()


def sam2(net: Any, out: Path) -> None:
    """The same two graphs, with features of three sizes; boxes are points labelled 2 and 3."""
    vision = net.config.vision_config
    side = vision.backbone_config.image_size[0]
    names = [f"image_embeddings.{i}" for i in range(len(vision.backbone_feature_sizes))]
    encode = lambda net, pixels: tuple(net.get_image_embeddings(pixels))  # noqa: E731
    write(out / "vision_encoder.onnx", encode, net, pixels(side), names, batch("pixel_values", *names))
    with torch.no_grad():
        features = dict(zip(names, net.get_image_embeddings(pixels(side)["pixel_values"]), strict=True))
    outputs = ["iou_scores", "pred_masks", "object_score_logits"]
    write(out / "prompt_encoder_mask_decoder.onnx", sam2_masks, net, points(side) | features, outputs, POINTS)


def sam2_masks(net: Any, points: Tensor, labels: Tensor, *features: Tensor) -> Any:
    found = net(input_points=points, input_labels=labels, image_embeddings=list(features), multimask_output=True)
    return found.iou_scores, found.pred_masks, found.object_score_logits


KINDS: dict[str, tuple[Any, Callable[[Any, Path], None]]] = {
    "clip": (AutoModel, clip),
    "depth_anything": (AutoModelForDepthEstimation, depth_anything),
    "owlv2": (AutoModelForZeroShotObjectDetection, owlv2),
    "sam": (AutoModel, sam),
    "sam2": (AutoModel, sam2),
}


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    source, out = sys.argv[1], Path(sys.argv[2])
    kind = AutoConfig.from_pretrained(source).model_type
    if kind not in KINDS:
        print(f"{source} is a {kind}; this script writes {', '.join(KINDS)}.")
        return 1
    out.mkdir(parents=True, exist_ok=True)
    loader, export = KINDS[kind]
    net = loader.from_pretrained(source).eval()
    with torch.no_grad():
        export(net, out)
    for name in BESIDE:
        if (Path(source) / name).is_file():
            shutil.copy(Path(source) / name, out)
    print(f"wrote {', '.join(sorted(path.name for path in out.iterdir()))} in {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
