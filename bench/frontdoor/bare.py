"""An aiohttp handler that reads the body and answers at once: ``python -m bench.frontdoor.bare PORT PROCESSES``."""

from __future__ import annotations

import os
import signal
import socket
import sys

import uvloop
from aiohttp import web

ANSWER = (
    b'{"inference_id":"0","time":0.001,"image":{"width":8,"height":8},"predictions":[],"top":"red","confidence":0.5}'
)


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/json")


def main(port: int, processes: int) -> None:
    children: list[int] = []
    for _ in range(processes - 1):
        child = os.fork()
        if child == 0:
            children.clear()
            break
        children.append(child)
    app = web.Application()
    app.router.add_post("/", answer)
    app.router.add_get("/", answer)
    listening = socket.create_server(("127.0.0.1", port), backlog=1024, reuse_port=True)
    web.run_app(app, sock=listening, access_log=None, print=None, loop=uvloop.new_event_loop())
    for child in children:
        os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
