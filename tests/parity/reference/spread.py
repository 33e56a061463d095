"""RF-DETR with heads that are made, not trained, where training takes more than an hour on a small machine.

The weights are seeded. The last layer of each head is then scaled so that its outputs on drawn pictures have a given
mean and deviation per column: a few queries are sure of a class and most are not, boxes are of sizes that objects have,
points lie around their boxes. What is answered has nothing to do with what is on the picture. How an answer is made of
the graph's outputs is as well determined as after training: scores are real and distinct, on both sides of the
thresholds, and the slot of the background never wins.
"""

from __future__ import annotations

from typing import Any

import torch

from tests.parity.drawing import LABELS
from tests.parity.reference import rfdetr_cases, scenes

PICTURES = 16
SURE, NEVER = (-0.8, 1.8), -20.0  # logits of the classes, and of the slot of the background
# Logarithmic for sizes: the first stage proposes boxes of a twentieth of the picture.
BOX = ([0.0, 0.0, 1.6, 1.6], [1.0, 1.0, 0.4, 0.4])
# Offsets, found, visible, three numbers of exactness, and one that is not read.
POINT = ([0.0, 0.0, 1.0, 1.0, 3.0, 0.0, 3.0, 0.0], [0.5, 0.5, 1.5, 1.5, 0.4, 0.4, 0.4, 0.4])


@torch.no_grad()
def spread(net: Any, size: int) -> None:
    """Scale the heads in place; the net is left in evaluation mode, without gradients."""
    model = net.model.model
    model.eval()
    model.requires_grad_(False)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (rfdetr_cases.MEAN, rfdetr_cases.STD))
    images = (scenes.pixels(scenes.pool(PICTURES, size, stretch=True)) - mean) / std
    slots = model.class_embed.out_features
    heads = [
        (model.class_embed, [SURE[0]] * slots, [SURE[1]] * slots),
        (model.bbox_embed.layers[-1], *BOX),
    ]
    if getattr(model, "keypoint_embed", None) is not None:
        heads.append((model.keypoint_embed.layers[-1], *POINT))
    for layer, means, deviations in heads:
        _scale(layer, _inputs(model, layer, images), torch.tensor(means), torch.tensor(deviations))
    model.class_embed.weight[len(LABELS) :] = 0
    model.class_embed.bias[len(LABELS) :] = NEVER


def _inputs(model: torch.nn.Module, layer: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """[n, channels] what a layer is fed."""
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(0, -2)))
    model(images)
    hook.remove()
    return torch.cat(seen)


def _scale(layer: torch.nn.Linear, inputs: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor) -> None:
    """Random weights whose outputs for these inputs have that mean and deviation per column."""
    weight = torch.randn(layer.weight.shape)
    outputs = inputs @ weight.T
    gain = deviation / outputs.std(0)
    layer.weight.copy_(weight * gain[:, None])
    layer.bias.copy_(mean - outputs.mean(0) * gain)
