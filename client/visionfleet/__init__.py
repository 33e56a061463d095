"""Visionfleet: computer-vision inference over HTTP (``Client``) or in this process (``get_model``)."""

from visionfleet.client import Client
from visionfleet.errors import VisionfleetError
from visionfleet.fleet import Fleet, ModelInfo, QueueInfo, WorkerInfo
from visionfleet.jobs import Job, JobOptions
from visionfleet.native import get_model
from visionfleet.results import Box, Classification, ClassScore, Detections, ImageSize, Result
from visionfleet.retry import RetryPolicy

__version__ = "0.1.0"

__all__ = [
    "Box",
    "ClassScore",
    "Classification",
    "Client",
    "Detections",
    "Fleet",
    "ImageSize",
    "Job",
    "JobOptions",
    "ModelInfo",
    "QueueInfo",
    "Result",
    "RetryPolicy",
    "VisionfleetError",
    "WorkerInfo",
    "get_model",
]
