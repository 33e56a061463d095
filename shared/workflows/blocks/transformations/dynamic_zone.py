"""Zones from masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.detections import POLYGON, at, copied
from shared.workflows.fields import BoolRef, FloatRef, FractionRef, InstancesRef, IntRef, StepFields
from shared.workflows.vision.polygons import Points, fill, fit_sides, outline, scale, simplify, with_vertices


class DynamicZone(Block):
    """Each mask's convex hull, simplified to a number of corners. Masks without area are left out."""

    ids = ("roboflow_core/dynamic_zone@v1", "DynamicZone")
    label = "Dynamic Zone"
    summary = "Turn masks into convex polygons with a given number of corners."
    category = "transformation"
    outputs = {
        "zones": (kinds.LIST,),
        "predictions": (kinds.INSTANCES,),
        "simplification_converged": (kinds.BOOLEAN,),
    }
    batch = ("predictions",)

    class Fields(StepFields):
        """``scale_ratio`` about the centre; sides can be fitted to the middle ``midpoint_fraction`` of the outline."""

        predictions: InstancesRef
        required_number_of_vertices: int | IntRef
        scale_ratio: float | FloatRef = 1
        apply_least_squares: bool | BoolRef = False
        midpoint_fraction: float | FractionRef = 1

    def run(
        self, predictions: Batch[sv.Detections], required_number_of_vertices: int, **values: Any
    ) -> list[dict[str, Any]]:
        """Per image its polygons, the detections with them as masks, and whether all had the number of corners.

        Where the number cannot be had, the last corner is repeated or corners are cut off.
        """
        if required_number_of_vertices < 3:
            raise InvalidRequest("required_number_of_vertices must be at least 3.")
        return [_zones(found, required_number_of_vertices, values) for found in predictions]


def _zones(found: sv.Detections, vertices: int, values: dict[str, Any]) -> dict[str, Any]:
    if found.mask is None:
        return {"zones": [], "predictions": found if not len(found) else None, "simplification_converged": False}
    masks = np.asarray(found.mask, bool)
    shapes = {i: shape for i, mask in enumerate(masks) if (shape := outline(mask)) is not None}
    zones, converged = [], True
    for shape in shapes.values():
        zone = _zone(shape, vertices, values)
        converged = converged and len(zone) == vertices
        zones.append(scale(with_vertices(zone, vertices), values["scale_ratio"]))
    made = copied(at(found, list(shapes)))
    if zones:
        made.mask = np.stack([fill(zone, masks.shape[1:]) for zone in zones])
        made.data[POLYGON] = np.stack(zones)
    listed = [zone.tolist() for zone in zones]
    return {"zones": listed, "predictions": made, "simplification_converged": converged}


def _zone(shape: Points, vertices: int, values: dict[str, Any]) -> Points:
    zone = simplify(shape, vertices)
    return fit_sides(zone, shape, values["midpoint_fraction"]) if values["apply_least_squares"] else zone
