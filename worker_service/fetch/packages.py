"""Roboflow's newer endpoint of weights: a model as packages for several engines, of which we take one in ONNX.

Contract: what its inference-models package asks and reads. The key travels as a bearer token.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from shared.egress import Egress, EgressFailed
from shared.errors import ModelLoadFailed
from worker_service.fetch.download import download

PATH = "models/v1/external/weights"
MAX_PAGES = 10
MAX_ANSWER = 4 * 2**20
"""Bytes of one page; longer ones are cut off and so refused."""
MANIFEST = "onnx-model-package-v1"
# Which precision to take first; what is not here comes last.
PRECISION = {"fp32": 0, "fp16": 1, "bf16": 2, "int8": 3}
FILES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NEEDED = "weights.onnx"


@dataclass(frozen=True)
class Packages:
    """Where to ask, and with which key."""

    api_url: str
    api_key: str
    max_bytes: int

    async def fetch(self, model_id: str, folder: Path, egress: Egress) -> None:
        """Write the best ONNX package's files into an empty folder, and what the model is into ``model_config.json``.

        Raises:
            EgressFailed: the endpoint answers with an error, whose ``status`` is in the details.
            ModelLoadFailed: no package is for ONNX, a file has another digest, or the answer is none.
            EgressRefused, TooLarge: as the guard says.
        """
        described, packages = await self._describe(model_id, egress)
        package = best(packages)
        if package is None:
            raise ModelLoadFailed(f"Roboflow gives no ONNX weights for {model_id!r}.")
        for name, url, md5 in files_of(package):
            await download(url, folder / name, egress, self.max_bytes)
            if md5 and await asyncio.to_thread(md5_of, folder / name) != md5:
                raise ModelLoadFailed(f"The file {name} of {model_id!r} came with another digest than Roboflow's.")
        kind = {
            "model_id": model_id,
            "model_architecture": described.get("modelArchitecture"),
            "task_type": described.get("taskType"),
        }
        await asyncio.to_thread((folder / "model_config.json").write_text, json.dumps(kind), encoding="utf-8")

    async def _describe(self, model_id: str, egress: Egress) -> tuple[dict[str, Any], list[Any]]:
        """What the model is, and its packages of all pages."""
        packages: list[Any] = []
        after, described = None, {}
        for _ in range(MAX_PAGES):
            described = await self._page(model_id, after, egress)
            found, after = described.get("modelPackages"), described.get("nextPage")
            packages += found if isinstance(found, list) else []
            if not after:
                break
        return described, packages

    async def _page(self, model_id: str, after: str | None, egress: Egress) -> dict[str, Any]:
        query = {"modelId": model_id, **({} if after is None else {"startAfter": str(after)})}
        url = f"{self.api_url.rstrip('/')}/{PATH}?{urlencode(query)}"
        answer = await egress.send("GET", url, None, {"Authorization": f"Bearer {self.api_key}"}, MAX_ANSWER)
        if answer.status != 200:
            raise EgressFailed(f"Roboflow answered with status {answer.status}.", status=answer.status)
        try:
            described = json.loads(answer.excerpt)["modelMetadata"]
        except (ValueError, KeyError, TypeError, RecursionError):
            described = None
        if not isinstance(described, dict):
            raise ModelLoadFailed(f"Roboflow's answer about {model_id!r} describes no model.")
        return described


def best(packages: list[Any]) -> dict[str, Any] | None:
    """The package for ONNX that suits us best: full precision, any batch size; None when there is none."""
    suitable = [
        package for package in packages if isinstance(package, dict) and manifest_of(package).get("type") == MANIFEST
    ]
    complete = [package for package in suitable if NEEDED in {name for name, _, _ in files_of(package)}]
    return min(complete, key=preference, default=None)


def preference(package: Mapping[str, Any]) -> tuple[int, bool]:
    """Smaller is better."""
    manifest = manifest_of(package)
    precision = PRECISION.get(str(manifest.get("quantization")), len(PRECISION))
    return precision, not manifest.get("dynamicBatchSize")


def manifest_of(package: Mapping[str, Any]) -> dict[str, Any]:
    """The package's own description; empty when it has none."""
    found = package.get("packageManifest")
    return found if isinstance(found, dict) else {}


def files_of(package: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Name, URL and md5 of each file. Raises ModelLoadFailed for a name that could leave the folder."""
    listed = package.get("packageFiles")
    for file in listed if isinstance(listed, list) else []:
        name, url = str(file.get("fileHandle") or ""), file.get("downloadUrl")
        if not FILES.fullmatch(name) or not isinstance(url, str):
            raise ModelLoadFailed("Roboflow's answer names a file that cannot be stored.")
        yield name, url, file.get("md5Hash")


def md5_of(path: Path) -> str:
    """Hex digest of a file; md5 is what the endpoint gives, against broken transfers only."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
