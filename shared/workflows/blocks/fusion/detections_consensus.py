"""Find what several models agree on."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.fusion.overlap_analysis import shared_areas
from shared.workflows.detections import CLASS_NAME, DETECTION_ID, at, empty, names
from shared.workflows.fields import BoolRef, BoxesRef, FractionRef, IntRef, ListRef, Selector, StepFields
from shared.workflows.merging import PLACE, merged


class AggregationMode(str, enum.Enum):
    """How several numbers, or boxes, become one."""

    AVERAGE = "average"
    MAX = "max"
    MIN = "min"


class MaskAggregationMode(str, enum.Enum):
    """How several masks become one."""

    UNION = "union"
    INTERSECTION = "intersection"
    MAX = "max"
    MIN = "min"


@dataclass(frozen=True)
class Rules:
    """What counts as agreement, and how those who agree are merged."""

    required_votes: int
    class_aware: bool
    iou_threshold: float
    confidence: AggregationMode
    coordinates: AggregationMode
    mask: MaskAggregationMode


class DetectionsConsensus(Block):
    """Detections of different models that overlap are votes for one object."""

    ids = ("roboflow_core/detections_consensus@v1", "DetectionsConsensus")
    label = "Detections Consensus"
    summary = "Find what several models agree on."
    category = "fusion"
    outputs = {
        "predictions": (kinds.OBJECTS, kinds.INSTANCES),
        "object_present": (kinds.BOOLEAN, kinds.DICTIONARY),
        "presence_confidence": (kinds.FRACTION, kinds.DICTIONARY),
    }
    aliases = {"predictions": "predictions_batches"}
    batch = ("predictions_batches",)

    class Fields(StepFields):
        """``required_objects`` must be agreed on, in all or by class, for the object to be present."""

        predictions_batches: list[BoxesRef]
        required_votes: int | IntRef
        class_aware: bool | BoolRef = True
        iou_threshold: float | FractionRef = 0.3
        confidence: float | FractionRef = 0.0
        classes_to_consider: list[str] | ListRef | None = None
        required_objects: int | dict[str, int] | Annotated[str, Selector(kinds.INTEGER, kinds.DICTIONARY)] | None = None
        presence_confidence_aggregation: AggregationMode = AggregationMode.MAX
        detections_merge_confidence_aggregation: AggregationMode = AggregationMode.AVERAGE
        detections_merge_coordinates_aggregation: AggregationMode = AggregationMode.AVERAGE
        detections_merge_mask_aggregation: MaskAggregationMode = MaskAggregationMode.UNION

    def run(
        self,
        predictions_batches: list[Batch[sv.Detections]],
        confidence: float,
        classes_to_consider: list[str] | None,
        required_objects: int | dict[str, int] | None,
        presence_confidence_aggregation: AggregationMode,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """For each image: what was agreed on, whether the object is present, and how sure that is."""
        rules = Rules(
            options["required_votes"],
            options["class_aware"],
            options["iou_threshold"],
            options["detections_merge_confidence_aggregation"],
            options["detections_merge_coordinates_aggregation"],
            options["detections_merge_mask_aggregation"],
        )
        answers = []
        for sources in zip(*predictions_batches, strict=True):
            agreed = agree([considered(found, classes_to_consider) for found in sources], rules)
            sure = [] if agreed.confidence is None else np.flatnonzero(agreed.confidence >= confidence).tolist()
            agreed = at(agreed, sure)
            there = present(agreed, required_objects, class_aware=rules.class_aware)
            answers.append(
                {
                    "predictions": agreed,
                    "object_present": there,
                    "presence_confidence": _presence(agreed, presence_confidence_aggregation, rules) if there else {},
                }
            )
        return answers


def considered(found: sv.Detections, classes: list[str] | None) -> sv.Detections:
    """Those of the classes that count."""
    if classes is None:
        return found
    return at(found, [i for i, name in enumerate(names(found)) if name in classes])


def agree(sources: list[sv.Detections], rules: Rules) -> sv.Detections:
    """One detection for each that enough sources have; each votes once, with the one that overlaps most."""
    used = [np.zeros(len(found), bool) for found in sources]
    made = []
    for s, found in enumerate(sources):
        for i in range(len(found)):
            if used[s][i]:
                continue
            votes = [(s, i), *_others(sources, used, (s, i), rules)]
            if len(votes) < rules.required_votes:
                continue
            for source, position in votes:
                used[source][position] = True
            made.append(merge([at(sources[source], [position]) for source, position in votes], rules))
    return merged(made) if made else empty()


def _others(sources: list[sv.Detections], used: list[Any], own: tuple[int, int], rules: Rules) -> list[tuple[int, int]]:
    """The best partner in each other source, if it overlaps enough."""
    one = at(sources[own[0]], [own[1]])
    votes = []
    for s, found in enumerate(sources):
        if s == own[0] or not len(found):
            continue
        shared, area, others = shared_areas(one, found)
        iou = (shared / np.maximum(area[:, None] + others[None] - shared, 1e-9))[0]
        iou[used[s]] = -1
        if rules.class_aware:
            iou[[name != names(one)[0] for name in names(found)]] = -1
        best = int(iou.argmax())
        if iou[best] > rules.iou_threshold:
            votes.append((s, best))
    return votes


def merge(votes: list[sv.Detections], rules: Rules) -> sv.Detections:
    """One detection of several; its class is the one that most of them have."""
    every = merged(votes)
    winner = Counter(names(every)).most_common(1)[0][0]
    first = names(every).index(winner)
    data: dict[str, Any] = {name: every.data[name][:1] for name in PLACE if name in every.data}
    data |= {CLASS_NAME: np.array([winner]), DETECTION_ID: np.array([str(uuid4())])}
    mask = None if every.mask is None else _mask(every, rules.mask)[None]
    box = _box(every, rules.coordinates)[None] if mask is None else sv.mask_to_xyxy(mask)
    return sv.Detections(
        xyxy=box.astype(np.float64),
        mask=mask,
        confidence=np.array([aggregated(every.confidence, rules.confidence)], np.float64),
        class_id=None if every.class_id is None else every.class_id[[first]],
        data=data,
    )


def aggregated(values: Any, mode: AggregationMode) -> float:
    """One number of several; none known counts as certain."""
    if values is None:
        return 1.0
    if mode is AggregationMode.AVERAGE:
        return float(np.mean(values))
    return float(np.max(values) if mode is AggregationMode.MAX else np.min(values))


def _box(every: sv.Detections, mode: AggregationMode) -> Any:
    """The mean of the boxes, or the largest or smallest of them."""
    if mode is AggregationMode.AVERAGE:
        return every.xyxy.mean(axis=0)
    areas = every.box_area
    return every.xyxy[areas.argmax() if mode is AggregationMode.MAX else areas.argmin()]


def _mask(every: sv.Detections, mode: MaskAggregationMode) -> Any:
    masks = np.asarray(every.mask, bool)
    if mode is MaskAggregationMode.UNION:
        return masks.any(axis=0)
    if mode is MaskAggregationMode.INTERSECTION:
        return masks.all(axis=0)
    areas = masks.sum(axis=(1, 2))
    return masks[areas.argmax() if mode is MaskAggregationMode.MAX else areas.argmin()]


def present(agreed: sv.Detections, required: int | dict[str, int] | None, *, class_aware: bool) -> bool:
    """Whether as many objects were agreed on as are required; one, when nothing is said."""
    if not len(agreed):
        return False
    if isinstance(required, dict) and class_aware:
        counts = Counter(names(agreed))
        return all(counts[name] >= least for name, least in required.items())
    least = sum(required.values()) if isinstance(required, dict) else (required or 0)
    return len(agreed) >= least


def _presence(agreed: sv.Detections, mode: AggregationMode, rules: Rules) -> dict[str, float]:
    """How sure it is: by class, or of any object where classes do not count."""
    confidence = np.asarray(agreed.confidence)
    if not rules.class_aware:
        return {"any_object": aggregated(confidence, mode)}
    classes = np.array(names(agreed))
    return {str(name): aggregated(confidence[classes == name], mode) for name in dict.fromkeys(classes.tolist())}
