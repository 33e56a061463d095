"""What joining a batch that decodes is worth: texts that come one after the other, alone in turn and together.

``python -m bench.writing MODEL_FOLDER ...``: for each model, 1, 4 and 8 texts of which one comes every ``--every``
steps. In turn each waits for the one before it, as with one inference thread and no joining; together each joins the
run. Both sides take turns within one process, on one thread; processor time counts, the best of ``--rounds``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

CROWDS = (1, 4, 8)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, help="folders of models that write")
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--every", type=int, default=5, help="steps between one text's coming and the next one's")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    sys.stdout.write("| model | texts | in turn, tokens per CPU second | together | ratio |\n|---|---|---|---|---|\n")
    for folder in asked.models:
        engine = Engine(EngineSettings(model_dirs=(folder.parent,), intra_op_threads=1, warm_up=False))
        model: Any = engine.get(folder.name)
        for crowd in CROWDS:
            items = prepared(model, crowd, asked.tokens)
            times = [(in_turn(model, items), together(model, items, asked.every)) for _ in range(asked.rounds)]
            alone, joined = (crowd * asked.tokens / min(side) for side in zip(*times, strict=True))
            row = f"| `{folder.name}` | {crowd} | {alone:.0f} | {joined:.0f} | {joined / alone:.2f} |\n"
            sys.stdout.write(row)


def prepared(model: Any, count: int, tokens: int) -> list[Any]:
    """Pictures of noise, all of one size, with a prompt."""
    noise = np.random.default_rng(9).integers(0, 255, (count, 12, 16, 3), np.uint8)
    params = model.params({"prompt": "What is in the picture?", "max_new_tokens": tokens})
    return [model.preprocess(cv2.resize(one, (640, 480)), params) for one in noise]


def in_turn(model: Any, items: list[Any]) -> float:
    """Seconds of processor time for all, one after the other."""
    begun = time.process_time()
    for item in items:
        model.infer([item])
    return time.process_time() - begun


def together(model: Any, items: list[Any], every: int) -> float:
    """Seconds of processor time for all, each joining the run of the others."""
    begun, run, waiting, step = time.process_time(), model.open(), list(items), 0
    while run or waiting:
        if waiting and (step % every == 0 or not run):
            run.add([waiting.pop(0)])
        run.step()
        step += 1
    return time.process_time() - begun


if __name__ == "__main__":
    main()
