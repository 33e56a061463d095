"""A workflow on the frames of a pipeline in this process, its models too. Imported by ``local`` only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.workflows.compiler import compile_workflow
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.plugins import catalog
from shared.workflows.services import Services
from shared.workflows.session import Session
from visionfleet import native
from visionfleet.pipeline.frames import VideoFrame

VIDEO = "video_metadata"
"""The input that gets to know the video, in workflows that have one of this name."""


class Flow:
    """Call it with one frame after another; each source has a session of its own, in which trackers remember."""

    def __init__(self, definition: Mapping[str, Any], image_name: str, parameters: Mapping[str, Any]) -> None:
        """Raises InvalidWorkflow and others: what is wrong with the definition."""
        self._plan = compile_workflow(dict(definition), catalog())
        self._image_name = image_name
        self._parameters = dict(parameters)
        self._models = native.models()
        self._sessions: dict[int, Session] = {}

    def __call__(self, frame: VideoFrame) -> dict[str, Any]:
        """Its outputs by name, as a server gives them."""
        video = VideoMetadata(
            video_identifier=str(frame.source_id),
            frame_number=frame.frame_id,
            frame_timestamp=frame.frame_timestamp,
            fps=frame.fps or 30.0,
            measured_fps=frame.measured_fps,
            comes_from_video_file=frame.comes_from_video_file,
        )
        image = WorkflowImage.from_pixels(frame.image, f"{self._image_name}.[0]", video)
        given = {**self._parameters, self._image_name: image}
        if VIDEO in self._plan.inputs:
            given[VIDEO] = video
        outputs: dict[str, Any] = self._session(frame.source_id).run(given, serialised=True).outputs[0]
        return outputs

    def close(self) -> None:
        """End the sessions, and wait for what their sinks do in the background."""
        for session in self._sessions.values():
            session.close()

    def _session(self, source_id: int) -> Session:
        if source_id not in self._sessions:
            self._sessions[source_id] = Session(self._plan, Services(models=self._models))
        return self._sessions[source_id]
