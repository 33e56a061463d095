"""The training loop: AdamW, a warm-up and a decay, gradients clipped."""

import logging
import time
from collections.abc import Callable, Iterable

import torch

log = logging.getLogger(__name__)


def fit(
    model: torch.nn.Module,
    steps: int,
    rate: float,
    loss_of_step: Callable[[int], torch.Tensor],
    part: torch.nn.Module | None = None,
) -> None:
    """Train for some steps.

    Args:
        model: left in evaluation mode, without gradients.
        steps: how many.
        rate: highest learning rate.
        loss_of_step: draws the next batch and returns its loss.
        part: what of the model is trained, when it is not all.
    """
    model.train()
    model.requires_grad_(False)
    trained = model if part is None else part
    trained.requires_grad_(True)
    optimiser = torch.optim.AdamW(trained.parameters(), lr=rate, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.15)
    started = time.monotonic()
    for step in range(steps):
        loss = loss_of_step(step)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 10.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            log.info("step %d loss %.3f %.0f s", step, float(loss.detach()), time.monotonic() - started)
    model.eval()
    model.requires_grad_(False)


def cached(model: torch.nn.Module, path: object, train: Callable[[], None]) -> None:
    """Load weights from a file, or train and store them there."""
    try:
        model.load_state_dict(torch.load(path))
        model.eval()
        model.requires_grad_(False)
    except FileNotFoundError:
        train()
        torch.save(model.state_dict(), path)


def total(parts: Iterable[torch.Tensor]) -> torch.Tensor:
    """The sum of losses."""
    return torch.stack(list(parts)).sum()
