"""Makes ``import torchvision`` work beside a CPU-only torch; import this module before anything that imports it.

torchvision's wheel is linked against CUDA, so beside torch for CPUs its compiled part does not load and importing it
fails on the missing operator ``nms``. Here that operator is defined in plain torch. The other compiled operators stay
missing; none of the references needs them.
"""

import sys

import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def _nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    order = scores.sort(descending=True, stable=True).indices
    x0, y0, x1, y1 = boxes.float().unbind(1)
    areas = (x1 - x0) * (y1 - y0)
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        width = (torch.minimum(x1[best], x1[order]) - torch.maximum(x0[best], x0[order])).clamp(min=0)
        height = (torch.minimum(y1[best], y1[order]) - torch.maximum(y0[best], y0[order])).clamp(min=0)
        shared = width * height
        order = order[shared / (areas[best] + areas[order] - shared) <= iou_threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)


def install() -> None:
    """Define the operators, then import torchvision with its check for them switched off."""
    if "torchvision" in sys.modules:
        return
    _LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARY.impl("nms", _nms, "CPU")
    from torchvision import extension
    from torchvision.ops import boxes

    extension._assert_has_ops = boxes._assert_has_ops = lambda: None


install()
