"""Loads and runs every kept net in a process of its own; whoever asks for a network ends it.

``python -m tests.parity.no_network``: prints the families that ran. Python's own sockets are watched by an audit hook;
where the kernel allows it the test runs this in a namespace without any network, so that native code finds none either.
"""

from __future__ import annotations

import sys
from typing import Any

WATCHED = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "urllib.Request",
    "http.client",
)


def forbid(event: str, args: tuple[Any, ...]) -> None:
    """Python's audit hook."""
    if event.startswith(WATCHED):
        raise RuntimeError(f"a network was asked for: {event} {args!r}")


def main() -> None:
    """Run them all."""
    sys.addaudithook(forbid)
    from tests.parity import pictures
    from tests.parity.foundation import FOLDER
    from worker_service.engine.engine import Engine
    from worker_service.settings import EngineSettings

    engine = Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1))
    image = pictures.read(pictures.NAMES[0])
    ran = set()
    for manifest in engine.catalog():
        (answer,) = engine.infer(manifest.id, [image], {"max_new_tokens": 5, "texts": ["a photo"]})
        if isinstance(answer, Exception):
            raise answer
        if manifest.task == "embedding":
            (answer,) = engine.infer(manifest.id, ["a text"])
        answer.to_dict()
        engine.unload(manifest.id)
        ran.add(str(manifest.family))
    sys.stdout.write("\n".join(sorted(ran)) + "\n")


if __name__ == "__main__":
    main()
