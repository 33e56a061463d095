"""Whether this process is stopping: tasks that run for long look here and leave the rest to others."""

from __future__ import annotations

import threading

STOPPING = threading.Event()
