"""What both trainings share: the optimiser loop with a cosine schedule and averaged weights."""

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


def fit(
    model: nn.Module, losses: Iterator[Tensor], steps: int, rate: float, report: Callable[[str], None]
) -> nn.Module:
    """Train for a number of steps.

    Args:
        model: Trained in place.
        losses: Yields the loss of the next batch; it calls `model` itself.
        steps: Optimiser steps.
        rate: Peak learning rate; 3 % warm-up, then a cosine down to 1 %.
        report: Gets a line of progress every 100 steps.

    Returns:
        The exponentially averaged model, in evaluation mode.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps, pct_start=0.03, div_factor=20, final_div_factor=5
    )
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    began, recent = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        loss = next(losses)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(model)
        recent = loss.item() if not recent else 0.98 * recent + 0.02 * loss.item()
        if step % 100 == 0 or step == steps:
            report(f"step {step}/{steps}  loss {recent:.3f}  {time.monotonic() - began:.0f} s")
    return average.module.eval()
