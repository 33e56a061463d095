"""The files and modules that the architecture tests look at."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("api_service", "worker_service", "stream_service", "shared", "deploy")


def tracked() -> list[Path]:
    """Every file that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def modules() -> list[str]:
    """The dotted name of each of our modules."""
    files = (path.relative_to(ROOT) for path in tracked() if path.suffix == ".py")
    ours = (path.with_suffix("") for path in files if path.parts[0] in PACKAGES)
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in ours)
