"""Loss of the detector: cells are assigned to shapes by how well they already predict them."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

CANDIDATES = 8  # cells that learn each shape
SHARPNESS = 4  # exponent of the overlap beside the square root of the score


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes x0 y0 x1 y1 that broadcast over all but the last axis."""
    area_a, area_b = (a[..., 2:] - a[..., :2]).prod(-1), (b[..., 2:] - b[..., :2]).prod(-1)
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = area_a + area_b - shared + 1e-6
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1) + 1e-6
    return shared / union, shared / union - (hull - union) / hull


@torch.no_grad()
def assign(boxes: Tensor, scores: Tensor, centres: Tensor, truth: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the cells that learn each shape of one picture.

    Args:
        boxes: Predicted corners [N,4], pixels.
        scores: Predicted probabilities [N,C].
        centres: Cell centres [N,2], pixels.
        truth: True corners [M,4], pixels; M > 0.
        labels: True classes [M].

    Returns:
        For each cell the shape that it learns (-1: background) [N], and the score that it should reach [N].
    """
    inside = (centres[None] - truth[:, None, :2]).amin(-1).minimum((truth[:, None, 2:] - centres[None]).amin(-1)) > 0
    iou = overlap(boxes[None], truth[:, None])[0]
    quality = scores[:, labels].T.sqrt() * iou**SHARPNESS * inside + 1e-9 * inside
    floor = quality.topk(CANDIDATES, dim=1).values[:, -1:].clamp(min=1e-12)
    chosen = quality >= floor
    best = (iou + 1e-3) * chosen
    owner = best.argmax(0)
    owned = chosen.any(0)
    chosen = chosen & (owner[None] == torch.arange(len(truth))[:, None])
    quality = quality * chosen
    target = quality / quality.amax(1, keepdim=True).clamp(min=1e-9) * (iou * chosen).amax(1, keepdim=True)
    return torch.where(owned, owner, -1), target.amax(0)


def detector_loss(
    boxes: Tensor, logits: Tensor, centres: Tensor, truths: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Score loss and box loss of a batch, both divided by the sum of target scores.

    Args:
        boxes: Predicted corners [B,N,4], pixels.
        logits: Class logits [B,N,C].
        centres: Cell centres [N,2], pixels.
        truths: Per picture the corners [M,4] and classes [M].
    """
    wanted, owned_boxes, true_boxes, weights = torch.zeros_like(logits), [], [], []
    for i, (truth, labels) in enumerate(truths):
        if not len(truth):
            continue
        owner, target = assign(boxes[i].detach(), logits[i].detach().sigmoid(), centres, truth, labels)
        cells = owner >= 0
        wanted[i, cells] = one_hot(labels[owner[cells]], logits.shape[2]) * target[cells, None]
        owned_boxes.append(boxes[i, cells])
        true_boxes.append(truth[owner[cells]])
        weights.append(target[cells])
    total = wanted.sum().clamp(min=1.0)
    score_loss = binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total
    if not weights:
        return score_loss, boxes.sum() * 0
    distance = 1 - overlap(torch.cat(owned_boxes), torch.cat(true_boxes))[1]
    return score_loss, (distance * torch.cat(weights)).sum() / total
