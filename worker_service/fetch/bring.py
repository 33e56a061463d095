"""From what a user names (a URL, a model of Roboflow's) to a model in the folder of models."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from shared.egress import Egress
from shared.errors import InvalidRequest
from shared.fetch.settings import FetchSettings
from worker_service.engine.format import Proposal, Wanted, propose
from worker_service.engine.manifest import Manifest, check_model_id
from worker_service.fetch import aliases
from worker_service.fetch.download import check_sha256, download, name_of
from worker_service.fetch.install import install
from worker_service.fetch.roboflow import Roboflow


async def from_roboflow(name: str, settings: FetchSettings, models: Path) -> Manifest:
    """Fetch a model by its id or public alias and store it under the id, with every public name of it as an alias.

    Raises:
        InvalidModelId, InvalidRequest: the name is none, or there is no key.
        ModelNotFound, ModelLoadFailed, EgressRefused, EgressFailed, TooLarge: it cannot be had.
    """
    async with workplace(models) as aside:
        proposal = await roboflow_proposal(name, settings, aside)
        return await asyncio.to_thread(install, aside / "installed", models, proposal)


async def roboflow_proposal(name: str, settings: FetchSettings, aside: Path) -> Proposal:
    """Fetch the model's files into ``aside`` and propose a manifest for them. Raises as ``from_roboflow``."""
    model_id = aliases.resolve(check_model_id(name))
    if settings.roboflow_api_key is None:
        raise InvalidRequest("Fetching from Roboflow needs a key: set ROBOFLOW_API_KEY.")
    source = Roboflow(settings.roboflow_api_url, settings.roboflow_api_key.get_secret_value(), settings.fetch_max_bytes)
    folder = aside / "roboflow"
    folder.mkdir()
    egress = Egress(settings.fetch_policy)
    try:
        await source.fetch(model_id, folder, egress)
    finally:
        await egress.close()
    proposal = await asyncio.to_thread(propose, folder, Wanted(model_id))
    manifest = proposal.manifest.model_copy(update={"aliases": aliases.names_of(model_id)})
    return replace(proposal, manifest=manifest)


async def url_proposal(
    url: str, settings: FetchSettings, aside: Path, wanted: Wanted, sha256: str | None = None
) -> Proposal:
    """Fetch one ONNX file into ``aside`` and propose a manifest for it.

    Raises EgressRefused, EgressFailed, TooLarge, NotFound, InvalidRequest, ModelLoadFailed.
    """
    name = name_of(url)
    target = aside / (name if name.endswith(".onnx") else f"{name}.onnx")
    egress = Egress(settings.fetch_policy)
    try:
        await download(url, target, egress, settings.fetch_max_bytes, check_sha256(sha256))
    finally:
        await egress.close()
    return await asyncio.to_thread(propose, target, wanted)


@asynccontextmanager
async def workplace(models: Path) -> AsyncIterator[Path]:
    """An empty folder on the disk of the models, one level deeper than any that is scanned; removed afterwards."""
    aside = models / f".aside-{os.getpid()}-{os.urandom(4).hex()}"
    await asyncio.to_thread(aside.mkdir, parents=True)
    try:
        yield aside
    finally:
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
