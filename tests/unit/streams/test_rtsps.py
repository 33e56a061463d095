"""RTSP over TLS: the test camera behind something that ends the encryption, as in front of many a camera."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import SourceUnauthorized
from shared.streams.spec import SourceSpec
from stream_service.settings import StreamSettings
from stream_service.source import Source, kind_of, registry
from tests.cameras import film
from tests.cameras.camera import Camera

SIZE = (320, 180)
pytestmark = pytest.mark.timeout(180)  # a start of the camera, two openings


def certificate(folder: Path) -> Path:
    """Self-signed, with its key, as cameras have."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    now = datetime.now(timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    path = folder / "camera.pem"
    unencrypted = serialization.NoEncryption()
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(*kinds, unencrypted)
        + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return path


async def passed_on(given: asyncio.StreamReader, taken: asyncio.StreamWriter) -> None:
    """Bytes from one to the other until an end closes."""
    with contextlib.suppress(OSError):
        while data := await given.read(65_536):
            taken.write(data)
            await taken.drain()
    taken.close()


@contextlib.contextmanager
def encrypted(port: int, folder: Path) -> Iterator[int]:
    """A port that speaks TLS and passes on what it hears to ``port``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))

    async def serve(heard: asyncio.StreamReader, said: asyncio.StreamWriter) -> None:
        answered, asked = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(passed_on(heard, asked), passed_on(answered, said))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        if serving := asyncio.all_tasks(loop):  # they end, because the source has closed its end
            loop.run_until_complete(asyncio.wait(serving, timeout=30))
        loop.close()


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with Camera(size=SIZE) as started:
        yield started


def source(url: str) -> Source:
    spec = SourceSpec(reference=url, id="0", open_timeout_s=20.0, read_timeout_s=20.0)
    return kind_of(url, registry()).make(spec, StreamSettings(stream_allow_loopback=True))


def test_frames_come_over_tls(camera: Camera, tmp_path: Path) -> None:
    with encrypted(camera.port, tmp_path) as port:
        made = source(f"rtsps://127.0.0.1:{port}/cam")
        info = made.open()
        frames = [made.read() for _ in range(5)]
        made.close()
    assert (info.live, info.ends, info.width, info.height) == (True, False, *SIZE)
    numbers = [film.number_of(one.picture.bgr()) for one in frames if one is not None]
    assert len(numbers) == 5
    assert [(number - numbers[0]) % camera.pictures for number in numbers] == list(range(5))


def test_a_wrong_password_is_told_over_tls_too(camera: Camera, tmp_path: Path) -> None:
    with encrypted(camera.port, tmp_path) as port:
        made = source(f"rtsps://user:wrong@127.0.0.1:{port}/secret")
        with pytest.raises(SourceUnauthorized):
            made.open()
