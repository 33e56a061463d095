"""Which packages this environment has, asked without importing them."""

from __future__ import annotations

from importlib import metadata, util  # noqa: TID251 - looks only, imports nothing


def version_of(package: str) -> str | None:
    """Version of an installed distribution."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def importable(module: str) -> bool:
    """Whether a module would be found; of its parents, only packages are imported."""
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
