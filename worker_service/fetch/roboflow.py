"""A model from Roboflow's endpoints, laid out as Roboflow's own cache does, which ``formats/roboflow.py`` reads.

Two kinds of ids: ``project/number`` is asked for at /ort, any other at /getWeights. What these do not have, or not as
ONNX, is asked for at the newer endpoint (``packages.py``), whose folder ``formats/roboflow_package.py`` reads.
Contract: what its server of version 1.5 sends and expects. The key travels in the query, as it does there; no message
of ours repeats it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from shared.egress import Egress, EgressFailed
from shared.errors import ModelLoadFailed, ModelNotFound, VisionfleetError
from worker_service.fetch.download import download
from worker_service.fetch.packages import Packages

VERSIONED = re.compile(r"[A-Za-z0-9_-]+/\d+")
TASKS = {"multi-label-classification": "classification"}


@dataclass(frozen=True)
class Roboflow:
    """Where to ask, and with which key."""

    api_url: str
    api_key: str
    max_bytes: int

    async def fetch(self, model_id: str, folder: Path, egress: Egress) -> None:
        """Write the model's files into an empty folder.

        Raises:
            ModelNotFound: there is no such model, or the key does not see it.
            ModelLoadFailed: its weights are not ONNX, or the answer lacks what a model needs.
            EgressRefused, EgressFailed, TooLarge: as the guard says.
        """
        try:
            await self._fetch_older(model_id, folder, egress)
        except (ModelNotFound, ModelLoadFailed) as missing:
            if missing.details.get("final"):
                raise
            await self._fetch_newer(model_id, folder, egress, missing)

    async def _fetch_newer(self, model_id: str, folder: Path, egress: Egress, missing: VisionfleetError) -> None:
        """From the newer endpoint; ``missing`` is what is raised when that has the model neither."""
        try:
            await Packages(self.api_url, self.api_key, self.max_bytes).fetch(model_id, folder, egress)
        except EgressFailed as failed:
            if failed.details.get("status") == 404:
                raise missing from None
            raise explained(failed, model_id) from None

    async def _fetch_older(self, model_id: str, folder: Path, egress: Egress) -> None:
        told = await self._describe(model_id, egress)
        environment = told.get("environment")
        if isinstance(environment, str):
            environment = parsed(await egress.fetch(environment), "environment")
        weights = told.get("model")
        if not isinstance(weights, str) or not isinstance(environment, dict):
            raise ModelLoadFailed(f"Roboflow gives no ONNX weights for {model_id!r}.")
        await download(weights, folder / "weights.onnx", egress, self.max_bytes)
        await asyncio.to_thread(write_files, folder, model_id, told, environment)

    async def _describe(self, model_id: str, egress: Egress) -> dict[str, Any]:
        """The fields of both endpoints under the names of the first."""
        if VERSIONED.fullmatch(model_id):
            query = {"nocache": "true", "device": "visionfleet", "dynamic": "true", "api_key": self.api_key}
            body = await self._get(f"ort/{quote(model_id)}", query, model_id, egress)
            told = body.get("ort")
        else:
            told = await self._get("getWeights", {"model": model_id, "api_key": self.api_key}, model_id, egress)
            told = {**told, "type": told.get("taskType"), "model": _weights_url(told)}
        if not isinstance(told, dict):
            raise ModelLoadFailed(f"Roboflow's answer about {model_id!r} describes no model.")
        return told

    async def _get(self, path: str, query: Mapping[str, str], model_id: str, egress: Egress) -> dict[str, Any]:
        url = f"{self.api_url.rstrip('/')}/{path}?{urlencode(query)}"
        try:
            return parsed(await egress.fetch(url), "answer")
        except EgressFailed as failed:
            raise explained(failed, model_id) from None


def explained(failed: EgressFailed, model_id: str) -> VisionfleetError:
    """What a refusal of the endpoint means for whoever asked for the model."""
    status = failed.details.get("status")
    if status in (401, 403):
        refused = f"Roboflow does not show {model_id!r} to this server's ROBOFLOW_API_KEY."
        return ModelNotFound(refused, model=model_id, final=True)
    if status == 404:
        return ModelNotFound(f"Neither this server nor Roboflow has a model {model_id!r}.", model=model_id)
    return failed


def write_files(folder: Path, model_id: str, told: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
    """The small files beside the weights."""
    task = str(told.get("type") or "")
    kind = {
        "project_task_type": TASKS.get(task, task),
        "model_type": str(told.get("modelType") or ""),
        "model_id": model_id,
    }
    environment = {**environment, **({"MULTICLASS": True} if task in TASKS else {})}
    files: dict[str, Any] = {"model_type.json": kind, "environment.json": environment}
    if isinstance(told.get("keypoints_metadata"), list):
        files["keypoints_metadata.json"] = told["keypoints_metadata"]
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    classes = told.get("classes")
    if isinstance(classes, list) and classes:
        (folder / "class_names.txt").write_text("\n".join(map(str, classes)) + "\n", encoding="utf-8")


def parsed(body: bytes, what: str) -> dict[str, Any]:
    """A JSON object. Raises ModelLoadFailed."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ModelLoadFailed(f"Roboflow's {what} is no JSON object.")
    return value


def _weights_url(told: Mapping[str, Any]) -> Any:
    files = told.get("modelFiles")
    graph = files.get("ort") if isinstance(files, dict) else None
    return graph.get("model") if isinstance(graph, dict) else None
