"""TLS for Redis in tests: a certificate, a proxy for servers built without TLS, and a server built with it."""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@functools.cache
def server_with_tls(folder: Path) -> Path | None:
    """A redis-server that speaks TLS itself: the one on PATH, or Debian's from redis-tools, which starts no service.

    There it is called redis-check-rdb; the name that it is started by says what it does.
    """
    for name in ("redis-server", "redis-check-rdb"):
        found = shutil.which(name)
        if found is None:
            continue
        link = folder / name / "redis-server"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(found)
        files = ["--tls-cert-file", "/nowhere", "--tls-key-file", "/nowhere", "--tls-auth-clients", "no"]
        asked = [str(link), "--port", "0", "--tls-port", "1", "--save", "", *files]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
        if "Failed to load certificate" in told.stdout:  # others do not know the options
            return link
    return None


class TlsProxy:
    """TLS in front of a Redis that speaks none; where redis-server itself speaks it, nothing changes for clients."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self._target = target
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """End every connection; whoever serves one closes it."""
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listening.close()

    def _start(self, call: Callable[..., None], *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=call, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            self._start(self._serve, raw)

    def _serve(self, raw: socket.socket) -> None:
        with (
            raw,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target)) as inside,
            self._context.wrap_socket(raw, server_side=True) as outside,
        ):
            back = self._start(self._pump, inside, outside)
            self._pump(outside, inside)
            back.join(5)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def certificate(folder: Path, host: str = "localhost") -> ssl.SSLContext:
    """A self-signed certificate for 127.0.0.1 and a name in ``folder/ca.pem``, and the server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(host)]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context
