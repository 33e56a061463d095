"""Settings of the stream service: the only place in it that reads the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.metrics.settings import MetricsSettings
from shared.settings import LogSettings, PulseSettings, QueueSettings, RedisSettings, VideoSettings
from shared.streams.settings import StreamLimits


class StreamSettings(
    RedisSettings, QueueSettings, LogSettings, PulseSettings, StreamLimits, MetricsSettings, VideoSettings
):
    """What one stream service opens, holds and writes."""

    stream_name: str = Field("", description="Name of this replica in the fleet; by default host, pid and a number.")
    stream_max_sources: int = Field(64, ge=1, description="Sources that one stream service opens at the same time.")
    stream_encode_threads: int = Field(2, ge=1, le=64, description="Threads that scale and encode frames.")
    stream_workflow_threads: int = Field(
        64, ge=1, le=1024, description="Workflow runs that are under way at the same time; each stream has one."
    )
    stream_decode_threads: int = Field(
        1, ge=0, le=64, description="Threads per video decoder; 0 lets FFmpeg choose, 1 suits many cameras."
    )
    stream_inflight_bytes: int = Field(
        64 * 2**20, ge=2**20, description="Bytes of encoded frames that one stream service has in the queues at a time."
    )
    stream_stall_timeout_s: float = Field(
        10.0, gt=0, description="A live source without a frame for this long is given up and opened anew."
    )
    stream_backoff_s: float = Field(0.5, gt=0, description="First delay before a source is opened again; it doubles.")
    stream_backoff_max_s: float = Field(30.0, gt=0, description="Longest delay before a source is opened again.")
    stream_lease_s: float = Field(
        6.0, ge=1, description="A stream whose service has been silent for this long goes on in another."
    )
    stream_sink_timeout_s: float = Field(10.0, gt=0, description="Seconds that a sink may take for one result.")
    stream_output_dir: Path = Field(
        Path("data/streams"), description="Folder in which sinks write files, one folder for each stream."
    )
    stream_sink_max_mb: int = Field(
        10_000, ge=1, description="Megabytes that one file-writing sink of a stream may keep, whatever it asks for."
    )
    stream_min_free_mb: int = Field(
        1_024, ge=0, description="Free megabytes of the disk below which sinks write no more files."
    )
    stream_dataset_urls: tuple[str, ...] = Field(
        (),
        description="Beginnings of URLs (s3://bucket/path/, file:///datasets/) under which streams may collect "
        "datasets, as a JSON list.",
    )
    stream_roboflow_url: str = Field(
        "https://api.roboflow.com", description="Roboflow's API, for streams that collect datasets there."
    )
    stream_webrtc_sessions: int = Field(8, ge=0, description="WebRTC sessions that one stream service holds at a time.")
    stream_webrtc_timeout_s: float = Field(3_600.0, gt=0, description="Longest that one WebRTC session lasts.")
    stream_upload_mb: int = Field(512, ge=1, description="Largest video that a WebRTC client may upload, in megabytes.")
    stream_folders: tuple[Path, ...] = Field(
        (), description="Folders of the server whose videos and images may be streamed, as a JSON list."
    )
    stream_devices: bool = Field(False, description="Whether camera devices of the server may be opened.")
    stream_allow_loopback: bool = Field(
        False, description="Whether sources on this very machine (loopback) may be opened by URL."
    )
    stream_allow_networks: tuple[str, ...] = Field(
        (),
        description="Networks that sources must lie in, as a JSON list; empty: any that is not denied.",
    )
    stream_deny_networks: tuple[str, ...] = Field(
        ("169.254.0.0/16", "fe80::/10"),
        description="Networks that no source may lie in, as a JSON list; by default where clouds serve credentials.",
    )
