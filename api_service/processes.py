"""Several API processes on one port: the kernel spreads connections over them (SO_REUSEPORT).

Each is a full server with its own reply stream; if one dies the others go on and a new one takes its place. If the
parent dies, the children see the end of its pipe and drain, so that nobody is left holding the port.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

from api_service import metrics_files
from api_service.settings import ApiSettings

CANNOT_LISTEN = 3
"""Exit code of a server whose address is taken or not ours; starting another would not help."""
RESTART_DELAY_S = 1.0
POLL_S = 0.2

log = structlog.get_logger(__name__)


class Processes:
    """The children of this process, all running ``serve``."""

    def __init__(self, serve: Callable[[ApiSettings], int], settings: ApiSettings) -> None:
        self._serve = serve
        self._code = 0
        self._settings = settings
        self._stopping = threading.Event()
        self._children: set[int] = set()
        self._lifeline, self._parent_end = os.pipe()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, then let all children drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        metrics_files.share()
        for _ in range(self._settings.processes):
            self._fork()
        while not self._stopping.wait(POLL_S):
            self._replace_dead()
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        while self._children:
            self._children.discard(os.wait()[0])
        metrics_files.remove()
        return self._code

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _replace_dead(self) -> None:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in self._children:
            self._children.discard(pid)
            metrics_files.forget(pid)
            code = os.waitstatus_to_exitcode(status)
            log.error("server.died", pid=pid, exit_code=code)
            if code == CANNOT_LISTEN:
                self._code = code
                self._stopping.set()
            elif not self._stopping.wait(RESTART_DELAY_S):
                self._fork()

    def _fork(self) -> None:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            return
        code = 1
        try:
            self._begin_child()
            code = self._serve(self._settings)
        except Exception:
            log.exception("server.crashed")
        finally:
            os._exit(code)

    def _begin_child(self) -> None:
        os.close(self._parent_end)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=self._follow_parent, daemon=True).start()

    def _follow_parent(self) -> None:
        os.read(self._lifeline, 1)  # nothing is ever written: it returns when the parent is gone
        os.kill(os.getpid(), signal.SIGTERM)
