"""Bringing one file here: from https through the egress guard, or from a store that fsspec knows."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.egress import Egress
from shared.errors import InvalidRequest, ModelLoadFailed, NotFound, TooLarge

SHA256 = re.compile(r"[0-9a-f]{64}")
BLOCK = 1 << 20


async def download(url: str, target: Path, egress: Egress, max_bytes: int, sha256: str | None = None) -> Path:
    """Write what a URL points at to a file, which is there only when all of it came.

    Args:
        url: https (http where the policy allows it), or one of fsspec's, such as s3://bucket/key.
        target: the file; its folder exists.
        egress: fetches http(s) under its policy.
        max_bytes: what is larger is refused.
        sha256: hex digest that the file must have.

    Raises:
        EgressRefused, EgressFailed: as the guard says.
        TooLarge: more bytes than allowed.
        ModelLoadFailed: the digest is another one.
        InvalidRequest: the URL's scheme is unknown, or its package is missing.
        NotFound: the store has no such file.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        if urlsplit(url).scheme in ("http", "https"):
            digest = await egress.save(url, part)
        else:
            digest = await asyncio.to_thread(copy_from_store, url, part, max_bytes)
        if sha256 is not None and digest != sha256.lower():
            raise ModelLoadFailed(f"What came has the sha256 {digest}, not {sha256.lower()}; nothing was stored.")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def copy_from_store(url: str, target: Path, max_bytes: int) -> str:
    """Copy a file out of a store of fsspec; returns its sha256. Raises InvalidRequest, NotFound, TooLarge."""
    scheme = urlsplit(url).scheme
    if scheme in ("", "file", "local"):
        raise InvalidRequest("Give a local file or folder as a path, not as a URL.")
    fsspec = _fsspec()
    digest, size = hashlib.sha256(), 0
    try:
        with fsspec.open(url, "rb") as source, target.open("wb") as file:
            while block := source.read(BLOCK):
                size += len(block)
                if size > max_bytes:
                    raise TooLarge(f"The file is over the limit of {max_bytes} bytes (VISIONFLEET_FETCH_MAX_BYTES).")
                digest.update(block)
                file.write(block)
    except FileNotFoundError:
        raise NotFound(f"The store has no such file ({scheme}).") from None
    except (ImportError, ValueError):
        raise InvalidRequest(
            f"{scheme}:// needs a package of fsspec's, or is no scheme; for s3: pip install s3fs."
        ) from None
    return digest.hexdigest()


def name_of(url: str, fallback: str = "weights.onnx") -> str:
    """The last part of the URL's path, safe as a file's name."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", unquote(urlsplit(url).path.rsplit("/", 1)[-1])).lstrip(".")
    return name or fallback


def check_sha256(text: str | None) -> str | None:
    """A hex digest. Raises InvalidRequest."""
    if text is not None and not SHA256.fullmatch(text.lower()):
        raise InvalidRequest("A sha256 is 64 hexadecimal digits.")
    return text


def _fsspec() -> Any:
    try:
        import fsspec  # noqa: PLC0415 - optional
    except ImportError:
        raise InvalidRequest("Stores other than https need fsspec: pip install 'visionfleet-server[blobs]'.") from None
    return fsspec
