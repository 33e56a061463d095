"""What the engine has to work with here, for callers outside (``visionfleet doctor``)."""

from __future__ import annotations

from shared.cores import available_cpus, cpu_quota

__all__ = ["available_cpus", "cpu_quota"]
