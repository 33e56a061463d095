"""What exporters write into graphs, read the same way by all families."""

from __future__ import annotations

from worker_service.engine.family import Guess
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec

# Strides of the usual three levels, and of nets for large pictures with a fourth.
STRIDES = ((8, 16, 32), (8, 16, 32, 64))

# Keypoints of persons in the COCO data set, in its order, and which are joined.
COCO_POINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee"),
    *("left_ankle", "right_ankle"),
)
COCO_SKELETON = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10)),
    *((1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)


def is_image(spec: TensorSpec, *, pixels: bool = False) -> bool:
    """Whether an input is [batch, 3, height, width] of floats; ``pixels``: of uint8."""
    return len(spec.shape) == 4 and spec.fixed(1) in (None, 3) and (spec.dtype == "uint8") == pixels


def takes_one_image(signature: GraphSignature) -> bool:
    """Whether the only input is one image of floats."""
    return len(signature.inputs) == 1 and is_image(signature.inputs[0])


def of_task(signature: GraphSignature, task: str) -> bool:
    """Whether Ultralytics' metadata says the task or says nothing."""
    return signature.metadata.get("task", task) == task


def is_final(signature: GraphSignature) -> bool | None:
    """Whether boxes are final, as Ultralytics' metadata tells: suppressed in the graph, or a one-to-one head.

    None where it does not tell: exports of others, and of times when all v10 heads were one-to-one.
    """
    options = signature.literal("args")
    if isinstance(options, dict) and options.get("nms"):
        return True
    said = signature.literal("end2end")
    if said is not None:
        return said is True
    return False if isinstance(options, dict) else None


def is_grid(signature: GraphSignature, count: int | None, per_cell: int) -> bool | None:
    """Whether a fixed number of boxes is that of all cells of a fixed input at the usual strides.

    None when either is open.
    """
    image = signature.inputs[0]
    height, width = image.fixed(2), image.fixed(3)
    if count is None or height is None or width is None:
        return None
    cells = [sum((height // stride) * (width // stride) for stride in strides) for strides in STRIDES]
    return count in {per_cell * each for each in cells}


def only(signature: GraphSignature, rank: int) -> int | None:
    """Position of the only output of that rank; None when there is none or several."""
    found = [i for i, output in enumerate(signature.outputs) if len(output.shape) == rank]
    return found[0] if len(found) == 1 else None


def channel_rows_score(signature: GraphSignature, output: TensorSpec, extras: int) -> float | None:
    """How well an output fits [batch, 4 + classes + extras, anchors]: 1.0 with class names, 0.5 on shape alone."""
    rows, anchors = output.fixed(1), output.fixed(2)
    if is_final(signature) or anchors == 6 + extras:
        return None
    if signature.labels:
        certain = rows is not None or "task" in signature.metadata
        return (1.0 if certain else 0.5) if rows in (None, 4 + len(signature.labels) + extras) else None
    # YOLOv5's layout is the transpose: there the second axis is the long one.
    if rows is None or rows < 5 + extras or (anchors is not None and anchors <= rows):
        return None
    return 0.5


def final_rows_score(signature: GraphSignature, output: TensorSpec, extras: int | None) -> float | None:
    """How well an output fits final boxes [batch, n, 6 + extras]; ``extras`` None: any."""
    final, columns = is_final(signature), output.fixed(2)
    if final is False or (columns is None and final is None):
        return None
    if columns is not None and (columns < 6 if extras is None else columns != 6 + extras):
        return None
    if final or "task" in signature.metadata:
        return 1.0
    # One class in YOLOv5's layout has as many columns, but a box for each of three anchors of each cell.
    return None if is_grid(signature, output.fixed(1), 3) else 0.5


def objectness_rows_score(signature: GraphSignature, output: TensorSpec, extras: int) -> float | None:
    """How well an output fits [batch, anchors, 5 + classes + extras]; Ultralytics' newer exports never do."""
    anchors, columns = output.fixed(1), output.fixed(2)
    if "task" in signature.metadata or (columns is not None and columns < 6 + extras):
        return None
    if columns is None:  # the original exporter writes two entries and leaves all sizes open
        return None if not signature.labels else 1.0 if "stride" in signature.metadata else 0.5
    if anchors is not None and anchors <= columns:
        return None
    if columns == 6 + extras and is_grid(signature, anchors, 3) is False:
        return None
    if signature.labels:
        return 1.0 if columns == 5 + len(signature.labels) + extras else None
    return 0.5


def pose_values(signature: GraphSignature) -> int | None:
    """Values per box that are keypoints, as Ultralytics' ``kpt_shape`` says; None for anything but pose models."""
    shape = signature.literal("kpt_shape")
    if signature.metadata.get("task") != "pose" or not isinstance(shape, list | tuple) or len(shape) != 2:
        return None
    return int(shape[0]) * int(shape[1])


def pose_guess(signature: GraphSignature) -> Guess:
    """Names of keypoints: those of the metadata, those of COCO's persons for 17, else numbers."""
    names = signature.literal("kpt_names")
    if isinstance(names, dict):  # per class; all have the same
        names = next(iter(names.values()), None)
    count = int(signature.literal("kpt_shape")[0])
    if isinstance(names, list | tuple) and len(names) == count:
        return Guess(fields={"keypoints": [str(name) for name in names]})
    if count == len(COCO_POINTS):
        unsure = "keypoints: 17 points were taken for those of COCO's persons."
        return Guess(fields={"keypoints": COCO_POINTS, "skeleton": COCO_SKELETON}, unsure=(unsure,))
    return Guess(fields={"keypoints": [f"point_{i}" for i in range(count)]}, unsure=("keypoints: names were made up.",))
