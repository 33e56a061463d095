"""Write events with their pictures to files of this machine."""

from __future__ import annotations

import io
import json
import tarfile
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds, serialise
from shared.workflows.blocks.sinks._folders import writable
from shared.workflows.fields import AnyRef, BoolRef, ImageRef, IntRef, Selector, StepFields, StrRef
from shared.workflows.sink import DISABLED, ThrottledSink

EventType = Literal["quality_check", "inventory_count", "safety_alert", "custom", "operator_feedback"]
DATA: dict[str, tuple[str, ...]] = {
    "quality_check": ("qc_result",),
    "inventory_count": ("location", "item_count", "item_type"),
    "safety_alert": ("alert_type", "severity", "alert_description"),
    "custom": ("custom_value",),
    "operator_feedback": ("related_event_id", "feedback"),
}
"""What an event of each type tells."""
PredictionsRef = Annotated[str, Selector(*kinds.BOXES, kinds.CLASSIFICATION)]


class VisionEventBundle(ThrottledSink):
    """A tar file per event, whole or not there: ``event.json``, ``predictions.json`` and the images as JPEG."""

    ids = ("roboflow_core/vision_event_bundle@v1",)
    label = "Write Vision Event Bundle"
    summary = "Write events with their pictures to files of this machine."
    outputs = {**ThrottledSink.outputs, "event_id": (kinds.STRING,), "bundle_path": (kinds.STRING,)}

    class Fields(StepFields):
        """``target_directory`` is below the folder that settings allow. Fields of other event types are not kept."""

        target_directory: StrRef | str
        input_image: ImageRef | None = None
        output_image: ImageRef | None = None
        predictions: PredictionsRef | None = None
        event_type: EventType | StrRef
        solution: str | Annotated[str, Selector(kinds.SOLUTION, kinds.STRING)] | None = None
        external_id: StrRef | str | None = None
        qc_result: StrRef | Literal["pass", "fail"] | None = None
        location: StrRef | str | None = None
        item_count: IntRef | int | None = None
        item_type: StrRef | str | None = None
        alert_type: StrRef | str | None = None
        severity: StrRef | Literal["low", "medium", "high"] | None = None
        alert_description: StrRef | str | None = None
        custom_value: StrRef | str | None = None
        related_event_id: StrRef | str | None = None
        feedback: StrRef | Literal["correct", "incorrect", "inconclusive"] | None = None
        custom_metadata: dict[str, str | int | float | bool | AnyRef] = Field(default_factory=dict)
        fire_and_forget: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        cooldown_seconds: int | float | Annotated[str, Selector(kinds.INTEGER, kinds.FLOAT)] = 1

    def run(self, fire_and_forget: bool, disable_sink: bool, cooldown_seconds: float, **event: Any) -> dict[str, Any]:
        """Writes, and tells where: a path below the folder that the settings allow."""
        name = str(uuid4())
        said = self.deliver(
            partial(self._write, name, self.services.now().isoformat(), event),
            disabled=disable_sink,
            cooldown_s=cooldown_seconds,
            in_background=fire_and_forget,
        )
        written = not (said["error_status"] or said["throttling_status"] or said["message"] == DISABLED)
        path = str(PurePosixPath(event["target_directory"]) / f"{name}.tar")
        return {**said, "event_id": name if written else "", "bundle_path": path if written else ""}

    def _write(self, name: str, moment: str, event: dict[str, Any]) -> str:
        folder = writable(self.services.settings, event["target_directory"])
        part = folder / f".{name}.part"
        try:
            with tarfile.open(part, "w") as bundle:
                for member, content in self._members(name, moment, event).items():
                    info = tarfile.TarInfo(member)
                    info.size, info.mtime = len(content), int(self.services.now().timestamp())
                    bundle.addfile(info, io.BytesIO(content))
            part.replace(folder / f"{name}.tar")
        finally:
            part.unlink(missing_ok=True)
        return f"Wrote {name}.tar."

    @staticmethod
    def _members(name: str, moment: str, event: dict[str, Any]) -> dict[str, bytes]:
        """What the bundle holds, by file name. Raises InvalidRequest."""
        kind = event["event_type"]
        if kind not in DATA:
            raise InvalidRequest(f"event_type is one of {', '.join(DATA)}, not {kind!r}.")
        members = {f"{one}.jpg": event[one].jpeg() for one in ("input_image", "output_image") if event[one] is not None}
        if event["predictions"] is not None:
            members["predictions.json"] = _json(event["predictions"])
        told = {
            "event_id": name,
            "event_type": kind,
            "timestamp": moment,
            "solution": event["solution"],
            "external_id": event["external_id"],
            "event_data": {one: event[one] for one in DATA[kind] if event[one] is not None},
            "custom_metadata": event["custom_metadata"],
            "files": sorted(members),
        }
        return {"event.json": _json(told), **members}


def _json(value: Any) -> bytes:
    return json.dumps(serialise.write(value), indent=1).encode()
