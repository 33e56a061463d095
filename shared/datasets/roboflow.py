"""A dataset at Roboflow: pictures uploaded to a project, predictions as annotations that await review."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

import aiohttp

from shared.datasets.picture import DatasetPicture
from shared.errors import InvalidRequest, SinkUnavailable

TIMEOUT_S = 20.0


class RoboflowDataset:
    """One project. ``url`` is the API's base. Create it inside a running loop and close it."""

    def __init__(self, url: str, project: str, api_key: str) -> None:
        self._url, self._project, self._key = url.rstrip("/"), project, api_key
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def store(self, picture: DatasetPicture) -> bool:
        """Upload; False when the project has the picture already. Raises SinkUnavailable, InvalidRequest."""
        form = aiohttp.FormData()
        form.add_field("name", f"{picture.name}.jpg")
        form.add_field("file", picture.jpeg, filename="imageToUpload", content_type="image/jpeg")
        if picture.metadata:
            form.add_field("metadata", json.dumps(picture.metadata))
        query = [("api_key", self._key), ("batch", picture.batch), *(("tag", tag) for tag in picture.tags)]
        said = await self._post(f"/dataset/{self._project}/upload", query, form)
        if said.get("duplicate"):
            return False
        if not said.get("success") or not said.get("id"):
            raise SinkUnavailable("Roboflow did not take the picture.")
        if picture.answer and picture.answer.get("predictions"):
            await self._annotate(str(said["id"]), picture)
        return True

    async def _annotate(self, image_id: str, picture: DatasetPicture) -> None:
        query = [("api_key", self._key), ("name", f"{picture.name}.json"), ("prediction", "true")]
        await self._post(f"/dataset/{self._project}/annotate/{image_id}", query, json.dumps(picture.answer))

    async def _post(self, path: str, query: list[tuple[str, str]], body: Any) -> dict[str, Any]:
        headers = {"Content-Type": "text/plain"} if isinstance(body, str) else None
        try:
            async with self._session.post(
                self._url + path, params=query, data=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                    raise InvalidRequest("Roboflow refused the upload; check the project's id and the API key.")
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise SinkUnavailable(f"Roboflow answered with status {response.status}.")
                said = await response.json(content_type=None)
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            # The error's own text may hold the URL, and the URL holds the key.
            raise SinkUnavailable(f"Roboflow could not be reached: {type(error).__name__}.") from None
        return said if isinstance(said, dict) else {}
