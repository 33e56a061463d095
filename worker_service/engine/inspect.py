"""What a graph is: which family reads it, and a manifest for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import check_locations, check_operators, file_sha256
from worker_service.engine.family import Family, Guess, registry
from worker_service.engine.manifest import InputSpec, Manifest, check_model_id
from worker_service.engine.runtime.session import read_signature
from worker_service.engine.runtime.signature import GraphSignature

# Scores closer than this do not decide between two families.
MARGIN = 0.1
DEFAULT_SIZE = 640
DEFAULT_CLASSIFIER_SIZE = 224


@dataclass(frozen=True)
class Proposal:
    """A manifest for a graph. ``unsure`` lists in sentences what was guessed and should be checked."""

    manifest: Manifest
    signature: GraphSignature
    unsure: tuple[str, ...]


def recognise(signature: GraphSignature) -> tuple[Family, float]:
    """The family that reads the graph, and how sure it is.

    Raises:
        ModelLoadFailed: none does or several do; the message says what was seen and that ``family`` decides.
    """
    scores = [(score, family) for family in registry() if (score := family.matches(signature)) is not None]
    scores.sort(key=lambda pair: -pair[0])
    if not scores:
        known = ", ".join(registry().names())
        raise ModelLoadFailed(f"No model family reads this graph. Seen: {signature}. 'family' can be one of {known}.")
    if len(scores) > 1 and scores[0][0] - scores[1][0] < MARGIN:
        names = " or ".join(family.name for _, family in scores)
        raise ModelLoadFailed(f"The graph may be {names}; 'family' in model.json decides. Seen: {signature}.")
    return scores[0][1], scores[0][0]


def inspect(
    path: Path, model_id: str | None = None, family: str | None = None, labels: tuple[str, ...] = ()
) -> Proposal:
    """Propose a manifest for an ONNX file, to be stored beside it as ``model.json``.

    Args:
        path: the graph; its name becomes the model's id unless ``model_id`` is given.
        model_id: id of the model.
        family: takes the decision away from ``recognise``.
        labels: class names, for graphs that do not name them.

    Raises:
        ModelLoadFailed: the file is no graph that we read, or an ambiguous one.
        InvalidModelId: the id is malformed.
    """
    check_operators(path, model_id or path.stem)
    check_locations(path)
    signature = read_signature(path)
    try:
        chosen, score = (registry().get(family), 1.0) if family else recognise(signature)
    except KeyError as error:
        raise ModelLoadFailed(str(error.args[0])) from error
    guess = chosen.guess(signature)
    unsure = [] if score >= 1 else [f"family: {chosen.name} is judged by the shape of the outputs alone."]
    fields = {
        "id": check_model_id(model_id or path.stem),
        "task": chosen.task,
        "family": chosen.name,
        "labels": labels or _labels(signature, guess, unsure),
        "input": _input(signature, chosen.task, guess, unsure),
        "files": {name: file_sha256(file) for name, file in _files(path, guess).items()},
        "activation": _activation(signature, chosen.task, unsure),
        **guess.fields,
    }
    manifest = Manifest.model_validate(fields)
    unsure += guess.unsure
    return Proposal(manifest, signature, tuple(unsure))


def _files(path: Path, guess: Guess) -> dict[str, Path]:
    """The graph, and what its family reads beside it."""
    beside = {name: path.parent / name for name in guess.beside}
    return {"weights.onnx": path} | {name: file for name, file in beside.items() if file.is_file()}


def _labels(signature: GraphSignature, guess: Guess, unsure: list[str]) -> tuple[str, ...]:
    if signature.labels or guess.classes == 0:
        return signature.labels
    if guess.classes is None or guess.classes < 1:
        raise ModelLoadFailed(f"The graph does not say how many classes it has; 'labels' decides. Seen: {signature}.")
    unsure.append(f"labels: the graph names none; class_0 to class_{guess.classes - 1} were made up.")
    return tuple(f"class_{i}" for i in range(guess.classes))


def _input(signature: GraphSignature, task: str, guess: Guess, unsure: list[str]) -> InputSpec:
    """What the family knows; else Ultralytics' preprocessing, with a warning when its metadata is not there."""
    image = signature.inputs[0]
    size = signature.literal("imgsz")
    default = DEFAULT_CLASSIFIER_SIZE if task == "classification" else DEFAULT_SIZE
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (default, default)
    if not size and not (image.fixed(2) and image.fixed(3)):
        unsure.append(f"input: the graph takes any size; {width} x {height} was assumed.")
    if not guess.input and "stride" not in signature.metadata:
        unsure.append("input: scale 1/255 without mean and std, RGB, and the way of resizing were assumed.")
    fields = {
        "width": image.fixed(3) or width,
        "height": image.fixed(2) or height,
        "resize": "center-crop" if task == "classification" else "letterbox",
        "interpolation": "antialias-linear" if task == "classification" else "linear",
        **guess.input,
    }
    return InputSpec.model_validate(fields)


def _activation(signature: GraphSignature, task: str, unsure: list[str]) -> Literal["none"] | None:
    """Ultralytics exports classifiers with the softmax inside; others are looked at when they are loaded."""
    if task != "classification":
        return None
    if signature.metadata.get("task") == "classify":
        return "none"
    unsure.append("activation: whether the output is logits or probabilities is judged by its values at load.")
    return None
