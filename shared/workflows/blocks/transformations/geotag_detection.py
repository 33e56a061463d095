"""Where on earth detections are."""

from __future__ import annotations

from typing import Any

import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import names
from shared.workflows.fields import FloatRef, ImageRef, ObjectsOrInstancesRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.geo import Nadir


class GeotagDetection(Block):
    """For a drone's camera that looks straight down on flat ground."""

    ids = ("roboflow_core/geotag_detection@v1",)
    label = "GeoTag Detection"
    summary = "Give detections of an aerial picture their latitude and longitude."
    category = "transformation"
    outputs = {"geo_detections": (kinds.LIST,), "geojson": (kinds.DICTIONARY,)}

    class Fields(StepFields):
        """Degrees and metres above ground; ``heading`` is where the picture's top points, clockwise from north."""

        image: ImageRef
        predictions: ObjectsOrInstancesRef
        latitude: FloatRef | float
        longitude: FloatRef | float
        altitude: FloatRef | float
        horizontal_fov: FloatRef | float = 73.7
        heading: FloatRef | float = 0.0

    def run(self, image: WorkflowImage, predictions: sv.Detections, **camera: float) -> dict[str, Any]:
        """A record per detection, and the same as a GeoJSON feature collection of points."""
        if not 0 < camera["horizontal_fov"] < 180 or not -90 < camera["latitude"] < 90:
            raise InvalidRequest("horizontal_fov lies between 0 and 180 degrees, latitude between -90 and 90.")
        nadir = Nadir(**camera)
        records = [_record(predictions, i, nadir, image.size) for i in range(len(predictions))]
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [record["lon"], record["lat"]]},
                "properties": {"class": record["class"], "confidence": record["confidence"]},
            }
            for record in records
        ]
        return {"geo_detections": records, "geojson": {"type": "FeatureCollection", "features": features}}


def _record(found: sv.Detections, i: int, nadir: Nadir, size: tuple[int, int]) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(part) for part in found.xyxy[i])
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    latitude, longitude = nadir.locate(x, y, size)
    classes = names(found)
    return {
        "class": classes[i] if classes else "unknown",
        "confidence": round(float(found.confidence[i]), 4) if found.confidence is not None else 0.0,
        "lat": round(latitude, 7),
        "lon": round(longitude, 7),
        "pixel_x": round(x, 1),
        "pixel_y": round(y, 1),
        "width": round(x1 - x0, 1),
        "height": round(y1 - y0, 1),
    }
