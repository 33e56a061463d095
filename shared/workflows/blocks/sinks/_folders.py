"""Where sinks may write."""

from __future__ import annotations

from pathlib import Path

from shared.errors import InvalidRequest
from shared.workflows.settings import WorkflowSettings


def writable(settings: WorkflowSettings, folder: str) -> Path:
    """The folder, made when there is none, below the one that the settings allow. Raises InvalidRequest."""
    allowed = settings.workflow_write_dir
    if allowed is None:
        raise InvalidRequest("This server writes no files: set VISIONFLEET_WORKFLOW_WRITE_DIR to a folder.")
    target = (allowed / folder).resolve()
    if not target.is_relative_to(allowed.resolve()):
        raise InvalidRequest("target_directory leads out of the folder that this server may write to.")
    target.mkdir(parents=True, exist_ok=True)
    return target
