"""A receiver of webhooks; runs inside a container, with nothing but Python. Each body becomes a line on stdout."""

from __future__ import annotations

import http.server
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers 200 to every POST."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sys.stdout.write(body.decode().replace("\n", " ") + "\n")
        sys.stdout.flush()
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the base class has it
        del format, arguments


if __name__ == "__main__":
    http.server.HTTPServer(("", 8000), Receiver).serve_forever()
