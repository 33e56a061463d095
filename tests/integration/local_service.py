"""Small processes in place of the API and the worker, to test the launcher by itself.

``api`` answers /readiness and /v1/fleet, dies on /crash; ``worker`` announces itself in the file that api reads;
``streams`` is only there.
"""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SIGN = Path(os.environ["VISIONFLEET_ENGINE_CACHE"] + ".worker")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/crash":
            os._exit(3)
        workers = [{"state": "ready", "rate": 0.0}] if SIGN.exists() else []
        body = json.dumps({"workers": workers, "queues": [], "models": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def leave(*_: object) -> None:
    sys.stdout.write("drained\n")
    sys.stdout.flush()
    os._exit(0)


signal.signal(signal.SIGTERM, leave)
match sys.argv[1]:
    case "api":
        ThreadingHTTPServer(("127.0.0.1", int(os.environ["VISIONFLEET_PORT"])), Handler).serve_forever()
    case "worker":
        SIGN.touch()
        time.sleep(60)
    case "streams":
        time.sleep(60)
    case "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        SIGN.touch()
        time.sleep(60)
    case "broken":
        sys.exit("no such model folder")
