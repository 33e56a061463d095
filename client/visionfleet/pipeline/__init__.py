"""``InferencePipeline``: a callback for every frame of cameras and videos, on a server or in this process."""

from visionfleet.pipeline.frames import VideoFrame
from visionfleet.pipeline.pipeline import InferencePipeline
from visionfleet.pipeline.watchdog import PipelineReport, PipelineWatchdog, StatusUpdate

__all__ = ["InferencePipeline", "PipelineReport", "PipelineWatchdog", "StatusUpdate", "VideoFrame"]
