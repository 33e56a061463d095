"""Visionfleet: computer-vision inference over HTTP (``Client``, ``AsyncClient``) or in this process (``get_model``)."""

from visionfleet.api.batches import Batch, BatchResult
from visionfleet.api.examples import Example
from visionfleet.api.inference import Prediction
from visionfleet.api.jobs import MappedJob
from visionfleet.api.prompts import Prompt, PromptedMask
from visionfleet.api.webhooks import Delivery, WebhookSecret
from visionfleet.api.writing import Piece
from visionfleet.client import AsyncClient, Client
from visionfleet.errors import VisionfleetError
from visionfleet.fleet import Fleet, ModelInfo, QueueInfo, WorkerInfo
from visionfleet.jobs import DeadLetter, Job, JobEvent, JobOptions
from visionfleet.native import NativeModel, get_model
from visionfleet.pipeline import InferencePipeline, PipelineReport, PipelineWatchdog, StatusUpdate, VideoFrame
from visionfleet.results import (
    Box,
    Classification,
    ClassMap,
    ClassScore,
    Detections,
    ImageSize,
    Instance,
    Instances,
    Keypoint,
    Pose,
    Poses,
    Result,
)
from visionfleet.retry import RetryPolicy
from visionfleet.signatures import WebhookEvent
from visionfleet.signatures import verify as verify_webhook
from visionfleet.streams import SourceInfo, StreamInfo, StreamResult

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Batch",
    "BatchResult",
    "Box",
    "ClassMap",
    "ClassScore",
    "Classification",
    "Client",
    "DeadLetter",
    "Delivery",
    "Detections",
    "Example",
    "Fleet",
    "ImageSize",
    "InferencePipeline",
    "Instance",
    "Instances",
    "Job",
    "JobEvent",
    "JobOptions",
    "Keypoint",
    "MappedJob",
    "ModelInfo",
    "NativeModel",
    "Piece",
    "PipelineReport",
    "PipelineWatchdog",
    "Pose",
    "Poses",
    "Prediction",
    "Prompt",
    "PromptedMask",
    "QueueInfo",
    "Result",
    "RetryPolicy",
    "SourceInfo",
    "StatusUpdate",
    "StreamInfo",
    "StreamResult",
    "VideoFrame",
    "VisionfleetError",
    "WebhookEvent",
    "WebhookSecret",
    "WorkerInfo",
    "get_model",
    "verify_webhook",
]
