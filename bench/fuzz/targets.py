"""What reads what strangers send, with a way to make it and the only errors that it may raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import av
import numpy as np
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydantic import ValidationError

from api_service.images import decode_base64_now
from api_service.pipelines import spec_of
from api_service.schemas.pipelines import InitialisePipeline
from shared.access.key import load as load_key
from shared.access.token import id_of
from shared.addresses import is_global
from shared.codec import DecodeError, decode_job, decode_result, encode_job, encode_result
from shared.decode import decode
from shared.egress import EgressRefused, check
from shared.egress_policy import EgressPolicy
from shared.errors import InvalidImage, ModelLoadFailed, SourceError, TooLarge, VisionfleetError
from shared.jobs import Job, JobResult
from shared.redaction import redacted
from shared.streams.spec import PipelineSpec, SourceSpec
from shared.workflows.compiler import compile_workflow
from shared.workflows.definition import load as load_workflow
from shared.workflows.errors import DefinitionError
from stream_service import source as source_kinds
from stream_service.decoding import Input, VideoSource
from stream_service.guard import check_url
from stream_service.settings import StreamSettings
from worker_service.engine.manifest import Manifest
from worker_service.engine.runtime.external import external_locations, foreign_operators

ROOT = Path(__file__).resolve().parents[2]
MAX_PIXELS = 1_000_000


@dataclass(frozen=True)
class Target:
    """One reader: what it is given, and which errors are an answer; any other is a finding."""

    name: str
    inputs: st.SearchStrategy[Any]
    run: Callable[[Any], object]
    may_raise: tuple[type[Exception], ...] = ()


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A valid file with some bytes overwritten, cut out, doubled or cut off."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        piece = draw(st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]))
        match draw(st.sampled_from(["over", "over", "in", "out", "end"])):
            case "over":
                data[at : at + len(piece)] = piece
            case "in":
                data[at:at] = piece
            case "out":
                del data[at : at + draw(st.integers(1, 64))]
            case _:
                del data[at:]
    return bytes(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def altered(draw: st.DrawFn, seeds: list[Any]) -> Any:
    """A valid document with some of its values replaced by anything, or by another part of it."""
    document = json.loads(json.dumps(draw(st.sampled_from(seeds))))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(document))
        if not places:
            return document
        holder, key = draw(st.sampled_from(places))
        if draw(st.integers(0, 5)) == 0:
            del holder[key]
        else:
            other_holder, other = draw(st.sampled_from(places))
            spare = json.loads(json.dumps(other_holder[other])) if _has(other_holder, other) else None
            holder[key] = draw(JSON | st.just(spare) | SELECTORS)
    return document


SELECTORS = st.sampled_from(
    ["$inputs.image", "$inputs.x", "$steps.a", "$steps.a.predictions", "$steps.*", "$", "$steps."]
)


def _places(value: Any) -> Any:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(inner)


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


@cache
def pictures() -> list[bytes]:
    image = Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8))
    made: list[bytes] = []
    for kind, options in (("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("GIF", {}),
                          ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})):  # fmt: skip
        buffer = BytesIO()
        image.save(buffer, kind, **options)
        made.append(buffer.getvalue())
    return made


@cache
def graphs() -> list[bytes]:
    """The demo classifier, without most of its weights' bytes, so that what is mutated is its structure."""
    return [(ROOT / "models" / "shapes-classifier" / "weights.onnx").read_bytes()[:4096], b""]


def read_graph(data: bytes) -> None:
    path = Path(_folder()) / "g.onnx"
    path.write_bytes(data)
    external_locations(path)
    foreign_operators(path)


@cache
def _folder() -> str:
    return mkdtemp(prefix="fuzz-")


def workflows() -> list[Any]:
    image = {"type": "WorkflowImage", "name": "image"}
    model = {
        "type": "roboflow_core/roboflow_object_detection_model@v2",
        "name": "a",
        "images": "$inputs.image",
        "model_id": "shapes-detector",
        "confidence": "$inputs.x",
    }
    crop = {
        "type": "roboflow_core/dynamic_crop@v1",
        "name": "b",
        "images": "$inputs.image",
        "predictions": "$steps.a.predictions",
    }
    head = {"version": "1.0", "inputs": [image, {"type": "WorkflowParameter", "name": "x", "default_value": 0.4}]}
    output = {"type": "JsonField", "name": "o", "selector": "$steps.a.predictions"}
    return [{**head, "steps": [model, crop], "outputs": [output]}, {**head, "steps": [], "outputs": []}]


def compiled(document: Any) -> None:
    compile_workflow(load_workflow(json.dumps(document)))


def url_checked(url: str) -> None:
    target = check(url, EgressPolicy())
    assert target.scheme == "https", url
    assert target.port in {80, 443}, url


def source_checked(url: str) -> None:
    opened = check_url(url, StreamSettings(), lambda _host: ["10.0.0.5"])
    assert "10.0.0.5" in opened or opened == url


def pipelines() -> list[Any]:
    source = {"reference": "rtsp://camera.lan/live", "transport": "tcp"}
    return [{"sources": [source], "model": {"model_id": "shapes-detector"}, "sinks": [{"type": "buffer"}]}]


def cameras() -> list[Any]:
    rtsp = {"reference": "rtsp://camera.lan:8554/live", "transport": "udp", "read_timeout_s": 2, "keyframes_only": True}
    device = {"reference": 0, "properties": {"frame_width": 640.0}, "max_fps": 5}
    others = [{"reference": text} for text in ("http://camera.lan/video.mjpg", "udp://0.0.0.0:5000", "clip.mp4")]
    return [rtsp, device, *others]


def camera_made(document: Any) -> None:
    spec = SourceSpec.model_validate(document)
    source_kinds.kind_of(spec.reference, source_kinds.registry()).make(spec, StreamSettings())


def initialise() -> list[Any]:
    video = {"type": "VideoConfiguration", "video_reference": ["rtsp://camera.lan/1", 0], "max_fps": 5}
    model = {"type": "ModelConfiguration", "model_id": "shapes-detector"}
    return [{"video_configuration": video, "processing_configuration": model}]


def pipeline_made(document: Any) -> None:
    spec_of(InitialisePipeline.model_validate(document))


@cache
def films() -> list[bytes]:
    pixels = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    made: list[bytes] = []
    for kind, codec in (("mp4", "mpeg4"), ("matroska", "mjpeg"), ("avi", "mpeg4")):
        buffer = BytesIO()
        with av.open(buffer, "w", format=kind) as film:
            track: Any = film.add_stream(codec, rate=10)
            track.width, track.height, track.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for shift in range(6):
                frame = av.VideoFrame.from_ndarray(np.roll(pixels, shift, 1), format="bgr24")
                film.mux(track.encode(frame))
            film.mux(track.encode())
        made.append(buffer.getvalue())
    return made


def film_read(data: bytes) -> None:
    path = Path(_folder()) / "film"
    path.write_bytes(data)
    given = Input(f"file:{path}", {"protocol_whitelist": "file", "format_whitelist": FILM_FORMATS}, live=False)
    source = VideoSource(SourceSpec(reference="film"), StreamSettings(), given)
    try:
        source.open()
        for _ in range(8):
            read = source.read()
            if read is None:
                break
            assert read.picture.bgr().ndim == 3
    finally:
        source.close()


FILM_FORMATS = "mov,matroska,webm,avi"
JOBS = [encode_job(Job("m", [b"\xff\xd8"], params={"confidence": 0.5})), encode_job(Job("a/1", []))]
RESULTS = [encode_result(JobResult("a" * 32, "succeeded", [{"output": {"predictions": []}}]))]
MANIFESTS = [json.loads((ROOT / "models" / "shapes-detector" / "model.json").read_text())]
HOSTS = st.text("0123456789abcdefx.:[]%@/\\#?-_", max_size=30)
URLS = (
    st.builds(str.__add__, st.sampled_from(["https://", "http://", "rtsp://", "https:", "//", ""]), HOSTS) | st.text()
)

TARGETS = [
    Target("job", st.binary() | mutated(JOBS), decode_job, (DecodeError,)),
    Target("result", st.binary() | mutated(RESULTS), decode_result, (DecodeError,)),
    Target("image", mutated(pictures()) | st.binary(), lambda data: decode(data, MAX_PIXELS), (InvalidImage, TooLarge)),
    Target("base64", st.text() | st.binary(), decode_base64_now, (InvalidImage,)),
    Target("onnx", mutated(graphs()) | st.binary(), read_graph, (ModelLoadFailed,)),
    Target("manifest", altered(MANIFESTS) | JSON, Manifest.model_validate, (ValidationError,)),
    Target("workflow", altered(workflows()), compiled, (DefinitionError,)),
    Target("stream", altered(pipelines()) | JSON, PipelineSpec.model_validate, (ValidationError,)),
    Target("pipeline", altered(initialise()) | JSON, pipeline_made, (ValidationError, VisionfleetError)),
    Target("camera", altered(cameras()) | JSON, camera_made, (ValidationError, VisionfleetError)),
    Target("film", mutated(films()), film_read, (SourceError,)),
    Target("source url", URLS, source_checked, (SourceError,)),
    Target("image url", URLS, url_checked, (EgressRefused,)),
    Target("address", st.ip_addresses().map(str) | st.text(), is_global),
    Target("key text", st.text() | st.from_regex(r"vf_[0-9a-f]{12}_[A-Za-z0-9_-]{51}", fullmatch=True), id_of),
    Target("key record", st.binary(), lambda data: load_key("0" * 12, data), (ValueError,)),
    Target("log line", st.text(), redacted),
]
