"""Settings of image URLs and of batches; the API and the workers read the same."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from shared.egress_policy import EgressPolicy
from shared.proxy import ProxySettings
from shared.settings import SETTINGS, VideoSettings, also

MIB = 2**20


class UrlSettings(ProxySettings):
    """Where images given as URLs may be fetched from."""

    model_config = SETTINGS

    url_input: bool = Field(
        default=True, validation_alias=also("URL_INPUT", "ALLOW_URL_INPUT"), description="Fetch images given as URLs."
    )
    url_allow_http: bool = Field(
        default=False,
        validation_alias=also("URL_ALLOW_HTTP", "ALLOW_NON_HTTPS_URL_INPUT"),
        description="Also fetch image URLs over plain http.",
    )
    url_ports: tuple[int, ...] = Field(default=(80, 443), description="Ports that image URLs may name.")
    url_allow_private: bool = Field(
        default=False,
        validation_alias=also("URL_ALLOW_PRIVATE", "ALLOW_URL_TO_NON_GLOBAL_ADDRESSES"),
        description="Fetch image URLs from private, loopback and other non-global addresses too.",
    )
    url_max_bytes: int = Field(default=32 * MIB, ge=1, description="Largest image fetched from a URL, in bytes.")
    url_timeout_s: float = Field(default=15, gt=0, description="Seconds that fetching an image may take in all.")
    url_max_redirects: int = Field(
        default=3,
        ge=0,
        le=30,
        validation_alias=also("URL_MAX_REDIRECTS", "MAX_IMAGE_URL_REDIRECTS"),
        description="Redirects followed; each is checked anew.",
    )

    @property
    def egress(self) -> EgressPolicy:
        """What image URLs may lead to."""
        return EgressPolicy(
            schemes=frozenset({"http", "https"} if self.url_allow_http else {"https"}),
            ports=frozenset(self.url_ports),
            allow_private=self.url_allow_private,
            max_bytes=self.url_max_bytes,
            max_redirects=self.url_max_redirects,
            timeout_s=self.url_timeout_s,
            proxy=self.proxy,
        )


class BatchSettings(UrlSettings, VideoSettings):
    """What a batch may hold, and how much of it is in the queue at a time."""

    data_dir: Path = Field(Path("data"), description="Folder for Redis data, logs, added models and results.")
    batch_dir: Path | None = Field(
        None,
        description="Folder for uploaded batches, which API and workers must share; unset: batches in the data folder.",
    )
    batch_folders: tuple[Path, ...] = Field(
        (), description="Folders of the server that batches may read images and videos from, as a JSON list."
    )
    batch_max_items: int = Field(100_000, ge=1, description="Most images in one batch.")
    batch_max_bytes: int = Field(2_048 * MIB, ge=1, description="Largest upload of a batch, in bytes.")
    batch_item_bytes: int = Field(32 * MIB, ge=1, description="Largest image of a batch, in bytes.")
    batch_unpacked_bytes: int = Field(8_192 * MIB, ge=1, description="Most bytes that a zip may unpack to.")
    batch_zip_ratio: float = Field(
        200.0, ge=1, description="Most times that a zip's entry may be larger than its compressed form."
    )
    batch_window: int = Field(128, ge=1, le=2_000, description="Jobs of one batch that are in the queue at a time.")
    batch_lease_s: float = Field(
        10.0, ge=1, description="A batch whose worker has been silent for this long goes on in another."
    )
    batch_upload_timeout_s: float = Field(3_600.0, gt=0, description="Seconds a client gets to upload a batch.")

    @property
    def uploads(self) -> Path:
        """The folder with a folder for each uploaded batch."""
        return self.batch_dir or self.data_dir / "batches"

    @field_validator("batch_folders")
    @classmethod
    def _absolute(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        if not all(folder.is_absolute() for folder in folders):
            raise ValueError("batch folders are absolute paths")
        return folders
