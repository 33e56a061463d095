"""What sinks that write texts share: names of files, and entries of logs."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Literal

from shared.errors import InvalidRequest

FileType = Literal["csv", "json", "txt"]
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def file_name(prefix: str, now: datetime, suffix: str) -> str:
    """The name of a new file; what is unusual in the prefix becomes ``_``."""
    safe = UNSAFE.sub("_", prefix) or "workflow_output"
    return f"{safe}_{now.strftime('%Y_%m_%d_%H_%M_%S_%f')}.{suffix}"


def log_suffix(file_type: FileType) -> str:
    """JSON in a log is a line each."""
    return "jsonl" if file_type == "json" else file_type


def entry(content: str, file_type: FileType, *, first: bool) -> str:
    """One entry of a log: CSV without its header after the first, JSON on one line. Raises InvalidRequest."""
    text = content
    if file_type == "csv" and not first:
        text = "\n".join(content.splitlines()[1:])
    if file_type == "json":
        try:
            text = json.dumps(json.loads(content))
        except ValueError as error:
            raise InvalidRequest("The content is no JSON, and file_type is json.") from error
    return text if text.endswith("\n") else text + "\n"
