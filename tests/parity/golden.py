"""Golden files: what a reference did with each picture, as numbers.

A case is one exported graph. Per picture it holds a sample of the reference's input tensor, the graph's raw outputs
reduced to the rows that matter, and the reference's final answer for each of the case's parameter sets. The graph is
not kept: some references are copyleft and their graphs must not be. ``<case>.json`` describes; ``<case>.xz`` holds
the numbers: a line of JSON that names the arrays, then their bytes (npz spends more on headers than on such numbers).
"""

from __future__ import annotations

import json
import lzma
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "goldens"
SAMPLES = 384  # values of the input tensor that are compared
STEPS = 256  # per unit of a mask's logit

Arrays = dict[str, np.ndarray]


@dataclass
class Case:
    """What a case is.

    Attributes:
        name: also the name of its files.
        reference: package, version and function that gave the answers.
        manifest: the fields of model.json that the model needs, but for ``id`` and ``files``.
        inputs, outputs: ``{"name", "shape", "dtype"}`` of the graph's tensors; symbolic sizes are strings.
        metadata: the graph's own.
        settings: parameter sets of requests.
        pictures: in the order in which they were run.
        beside: files of ``nets`` that belong to the model, beside the graph.
        scale: largest box coordinate, score and so on of the answers, to be printed beside errors.
    """

    name: str
    reference: str
    manifest: dict[str, Any]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    metadata: dict[str, str]
    settings: list[dict[str, Any]]
    pictures: list[str] = field(default_factory=list)
    scale: dict[str, float] = field(default_factory=dict)
    beside: list[str] = field(default_factory=list)


def names() -> list[str]:
    """All cases that are stored."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def save(case: Case, arrays: Arrays) -> None:
    """Write both files of a case."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(asdict(case), indent=1, sort_keys=True)
    (FOLDER / f"{case.name}.json").write_text(text + "\n", encoding="utf-8")
    header = json.dumps([[key, array.dtype.str, list(array.shape)] for key, array in arrays.items()]).encode()
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    (FOLDER / f"{case.name}.xz").write_bytes(lzma.compress(header + b"\n" + body, preset=9))


def load(name: str) -> tuple[Case, Arrays]:
    """Read both files of a case."""
    case = Case(**json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
    header, body = lzma.decompress((FOLDER / f"{name}.xz").read_bytes()).split(b"\n", 1)
    arrays: Arrays = {}
    at = 0
    for key, dtype, shape in json.loads(header):
        array = np.frombuffer(body, dtype, int(np.prod(shape)), at)
        arrays[key] = array.reshape(shape)
        at += array.nbytes
    return case, arrays


def part(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays below ``prefix/``, with it taken off."""
    return {key[len(prefix) + 1 :]: value for key, value in arrays.items() if key.startswith(f"{prefix}/")}


def put(arrays: Arrays, prefix: str, values: Arrays) -> None:
    """Store arrays below ``prefix/``."""
    arrays.update({f"{prefix}/{key}": value for key, value in values.items()})


# ------------------------------------------------------------------------------------------- input tensors


def sample(tensor: np.ndarray) -> np.ndarray:
    """Values at fixed pseudo-random places, then mean and standard deviation of each channel of [C, H, W]."""
    places = np.random.default_rng(tensor.size).integers(0, tensor.size, SAMPLES)
    channels = tensor.reshape(tensor.shape[0], -1).astype(np.float64)
    parts = [tensor.reshape(-1)[places], channels.mean(1), channels.std(1)]
    return np.concatenate(parts).astype(np.float32)


def places(plane: np.ndarray) -> np.ndarray:
    """Values of a plane [H, W] at fixed pseudo-random places."""
    return plane.reshape(-1)[np.random.default_rng(plane.size).integers(0, plane.size, SAMPLES)].astype(np.float32)


# ------------------------------------------------------------------------------------------- raw outputs


def dense(output: np.ndarray) -> Arrays:
    """All of it."""
    return {"dense": output}


def cells(output: np.ndarray, axis: int, wanted: np.ndarray, fill: float) -> Arrays:
    """Only some cells: ``output`` without ``axis`` (the channels) is a grid of cells, ``wanted`` a mask of that shape.

    All others are read back as ``fill``.
    """
    rows = np.moveaxis(output, axis, -1).reshape(-1, output.shape[axis])
    chosen = np.flatnonzero(wanted.reshape(-1))
    shape = np.array([*output.shape, axis], np.int32)
    return {
        "shape": shape,
        "chosen": chosen.astype(np.int32),
        "rows": rows[chosen],
        "fill": np.array(fill, output.dtype),
    }


def span(prototypes: np.ndarray, coefficients: np.ndarray, *, channels_last: bool = False) -> Arrays:
    """Mask prototypes [C, h, w], kept only as far as ``coefficients`` [n, C] of reported objects can see.

    The prototypes that are read back give the same n masks and are arbitrary otherwise. ``channels_last``: [h, w, C].
    """
    prototypes = np.moveaxis(prototypes, -1, 0) if channels_last else prototypes
    logits = np.tensordot(coefficients.astype(np.float64), prototypes.astype(np.float64), 1)
    return {
        "coefficients": coefficients.astype(np.float32),
        "logits": pack_planes(logits),
        "type": np.zeros(0, prototypes.dtype),
        **({"last": np.zeros(0, np.int8)} if channels_last else {}),
    }


def pack_planes(planes: np.ndarray) -> np.ndarray:
    """Logits [..., h, w] as differences along rows, in steps of 1 / STEPS: these compress where the values do not."""
    return np.diff(np.round(planes * STEPS).astype(np.int32), axis=-1, prepend=0).astype(np.int16)


def unpack_planes(stored: np.ndarray) -> np.ndarray:
    """The logits, to 1 / STEPS."""
    return np.cumsum(stored.astype(np.int64), axis=-1) / STEPS


def planes(output: np.ndarray, wanted: np.ndarray, fill: float) -> Arrays:
    """Only some of the logit planes [n, h, w]; ``wanted`` is [n], all others are read back as ``fill``."""
    return {
        "planes": pack_planes(output[wanted]),
        "chosen": np.flatnonzero(wanted).astype(np.int32),
        "shape": np.array(output.shape, np.int32),
        "fill": np.array(fill, output.dtype),
    }


def restore(stored: Arrays) -> np.ndarray:
    """An output from ``dense``, ``cells``, ``span`` or ``planes``."""
    if "dense" in stored:
        return stored["dense"]
    if "logits" in stored:
        inverse = np.linalg.pinv(stored["coefficients"].astype(np.float64))
        planes = np.tensordot(inverse, unpack_planes(stored["logits"]), 1).astype(stored["type"].dtype)
        return np.moveaxis(planes, 0, -1) if "last" in stored else planes
    if "planes" in stored:
        output = np.full(stored["shape"], stored["fill"])
        output[stored["chosen"]] = unpack_planes(stored["planes"])
        return output
    *shape, axis = stored["shape"].tolist()
    grid = [size for i, size in enumerate(shape) if i != axis]
    rows = np.full((int(np.prod(grid)), shape[axis]), stored["fill"])
    rows[stored["chosen"]] = stored["rows"]
    if "inner" in stored:  # cells of more than one axis of channels
        return rows.reshape(stored["inner"])
    return np.ascontiguousarray(np.moveaxis(rows.reshape(*grid, shape[axis]), -1, axis))


def is_flat(shape: list[int | str] | tuple[int | str | None, ...]) -> bool:
    """Whether an output lists the boxes of all pictures: rows of seven, the picture's number first."""
    return len(shape) == 2 and shape[1] == 7


def is_shared(shape: list[int | str] | tuple[int | str | None, ...]) -> bool:
    """Whether an output is the same for all pictures of a batch: YOLACT's priors, rows of four."""
    return len(shape) == 2 and shape[1] == 4


# ------------------------------------------------------------------------------------------- masks


def pack_masks(masks: np.ndarray) -> Arrays:
    """Masks [n, H, W] of 0 and 1 as run lengths over all of them, starting with zeros."""
    flat = masks.astype(bool).reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([[0], edges, [flat.size]]) if flat.size else np.zeros(1, np.int64)
    runs = np.diff(ends)
    if flat.size and flat[0]:
        runs = np.concatenate([[0], runs])
    return {"runs": runs.astype(np.uint32), "shape": np.array(masks.shape, np.int32)}


def unpack_masks(stored: Arrays) -> np.ndarray:
    """Bool masks [n, H, W]."""
    runs = stored["runs"]
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(stored["shape"])
