"""A real HTTP server in a thread, which keeps what it was sent and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

Answer = tuple[int, Any]


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())

    @property
    def parts(self) -> dict[str, Any]:
        """Of a multipart body, by name: an email message each."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = message_from_bytes(head + self.body, policy=policy.HTTP)
        return {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}


@dataclass
class Receiver:
    """``answer`` makes a status and a JSON value from a request; ``delay_s`` passes before it is sent."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], Answer] = lambda _: (200, {"ok": True})
    delay_s: float = 0
    location: str = ""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serves until the end of the block."""
    made = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(made: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(self.command, self.path, headers, body)
            made.requests.append(request)
            time.sleep(made.delay_s)
            status, value = made.answer(request)
            content = json.dumps(value).encode()
            try:
                self.send_response(status)
                if made.location:
                    self.send_header("Location", made.location)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except ConnectionError:
                pass  # the sender was not patient enough

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - names that http.server asks for

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Tests are silent."""

    return Handler
