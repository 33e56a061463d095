"""What the user says about a model beyond what its file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionfleet.errors import InvalidRequest

# Constants of torchvision's and timm's evaluation transforms; see docs/families.md.
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CROP = {"resize": "center-crop", "interpolation": "antialias-linear", "crop_fraction": 0.875}
PRESETS: dict[str, dict[str, Any]] = {
    "torchvision": {**CROP, **IMAGENET},
    "timm": {**CROP, **IMAGENET, "interpolation": "antialias-cubic"},
    "vit": {"resize": "stretch", "interpolation": "antialias-linear", "mean": [0.5] * 3, "std": [0.5] * 3},
}


@dataclass(frozen=True)
class Changes:
    """Options of ``models add``; None leaves what was found."""

    labels: tuple[str, ...] | None
    task: str | None
    size: str | None
    resize: str | None
    confidence: float | None
    licence: str | None
    preset: str | None = None

    def apply(self, manifest: Mapping[str, Any], unsure: list[str]) -> dict[str, Any]:
        """The manifest with the changes; doubts that they settle leave ``unsure``. Raises InvalidRequest."""
        changed = dict(manifest)
        if self.labels is not None:
            self._check_count(manifest.get("labels") or ())
            changed["labels"] = list(self.labels)
            _settle(unsure, "labels:")
        given = {"task": self.task, "licence": self.licence}
        changed |= {name: value for name, value in given.items() if value is not None}
        shape = {**(changed.get("input") or {}), **self._preset()}
        if self.preset is not None:
            _settle(unsure, "input: scale")
        if self.size is not None:
            shape["width"], shape["height"] = parse_size(self.size)
            _settle(unsure, "input: the graph takes any size")
        if self.resize is not None:
            shape["resize"] = self.resize
        if self.confidence is not None:
            changed["thresholds"] = {**(changed.get("thresholds") or {}), "confidence": self.confidence}
        return {**changed, "input": shape}

    def _preset(self) -> dict[str, Any]:
        """The fields of ``input`` that the preset sets. Raises InvalidRequest."""
        if self.preset is None:
            return {}
        if self.preset not in PRESETS:
            raise InvalidRequest(f"--preset is one of {', '.join(PRESETS)}, not {self.preset!r}.")
        return PRESETS[self.preset]

    def _check_count(self, found: Any) -> None:
        if found and self.labels is not None and len(found) != len(self.labels):
            raise InvalidRequest(f"The model has {len(found)} classes and --labels names {len(self.labels)}.")


def read_labels(text: str | None) -> tuple[str, ...] | None:
    """Class names from ``a,b,c`` or from a file with one per line. Raises InvalidRequest."""
    if text is None:
        return None
    if "," not in text and Path(text).is_file():
        try:
            lines = Path(text).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"{text} is no text file.") from error
    else:
        lines = text.split(",")
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise InvalidRequest("--labels names no class.")
    if len(set(names)) != len(names):
        raise InvalidRequest("--labels names a class twice.")
    return names


def parse_size(text: str) -> tuple[int, int]:
    """``640x480`` or ``640`` as width and height in pixels. Raises InvalidRequest."""
    match = re.fullmatch(r"(\d{1,4})(?:[xX](\d{1,4}))?", text)
    if match is None:
        raise InvalidRequest(f"--size is {text!r}; write it as 640x480 (width x height), or 640 for a square.")
    return int(match[1]), int(match[2] or match[1])


def _settle(unsure: list[str], start: str) -> None:
    unsure[:] = [doubt for doubt in unsure if not doubt.startswith(start)]
