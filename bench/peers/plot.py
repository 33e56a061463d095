"""Throughput and 99th percentile by concurrency, one column per network and picture size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt

from bench.report import Row

FIGURES = {"img/s": "images per second", "p99 ms": "99th percentile, ms"}


def draw(rows: Sequence[Row], out: Path) -> None:
    """Write an SVG or PNG, by the file's name."""
    cases = list(dict.fromkeys((row["network"], row["pictures"]) for row in rows))
    figure, axes = plt.subplots(len(FIGURES), len(cases), figsize=(4 * len(cases), 7), squeeze=False, sharex=True)
    for column, case in enumerate(cases):
        for line, (figure_name, words) in enumerate(FIGURES.items()):
            axis = axes[line][column]
            for side in dict.fromkeys(row["side"] for row in rows):
                of = [row for row in rows if (row["network"], row["pictures"], row["side"]) == (*case, side)]
                heavy = {"linewidth": 3, "zorder": 3} if side == "ours" else {}
                axis.plot(
                    [row["concurrency"] for row in of], [row[figure_name] for row in of], "o-", label=side, **heavy
                )
            axis.set(xscale="log", title=" ".join(case) if line == 0 else "", ylabel=words if column == 0 else "")
            axis.set_xticks(
                sorted({row["concurrency"] for row in rows}), labels=sorted({row["concurrency"] for row in rows})
            )
            axis.set_ylim(bottom=0)
    axes[-1][0].set_xlabel("requests under way")
    axes[0][-1].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(out)
