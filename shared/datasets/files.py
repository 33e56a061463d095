"""A dataset in a folder or a bucket (fsspec): one folder per batch, pictures with their predictions as JSON."""

from __future__ import annotations

import json
from typing import Any

import fsspec

from shared.datasets.picture import DatasetPicture
from shared.errors import SinkUnavailable


class FileDataset:
    """Every method blocks."""

    def __init__(self, url: str) -> None:
        """Raises SinkUnavailable when no file system is known for the URL."""
        try:
            self._files, self._root = fsspec.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise SinkUnavailable(f"The dataset's place cannot be opened: {type(error).__name__}.") from error

    def store(self, picture: DatasetPicture) -> bool:
        """Write the picture; True, since names are unique. Raises SinkUnavailable."""
        folder = f"{self._root}/{picture.batch}"
        about: dict[str, Any] = {"file": f"{picture.name}.jpg", "tags": list(picture.tags), **picture.facts}
        if picture.answer is not None:
            about |= picture.answer
        try:
            self._files.makedirs(folder, exist_ok=True)
            self._files.pipe_file(f"{folder}/{picture.name}.jpg", picture.jpeg)
            self._files.pipe_file(f"{folder}/{picture.name}.json", json.dumps(about).encode())
        except Exception as error:  # whatever the file system's library raises
            raise SinkUnavailable(f"The dataset's place does not take pictures: {type(error).__name__}.") from error
        return True
