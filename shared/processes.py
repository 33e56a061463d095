"""Several processes of one service under one parent, which replaces whichever dies.

If the parent dies, the children see the end of its pipe and drain, so that nobody is left holding a port or jobs.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

RESTART_DELAY_S = 1.0
POLL_S = 0.2

log = structlog.get_logger(__name__)


class Processes:
    """The children of this process: ``serve(number)`` from 0 on, which returns the exit code.

    A child that exits with ``fatal`` ends them all with that code; ``forget`` is told the process id of any that died.
    """

    def __init__(
        self, serve: Callable[[int], int], count: int, fatal: int = -1, forget: Callable[[int], None] = lambda _: None
    ) -> None:
        self._serve = serve
        self._count = count
        self._fatal = fatal
        self._forget = forget
        self._code = 0
        self._stopping = threading.Event()
        self._children: dict[int, int] = {}
        self._lifeline, self._parent_end = os.pipe()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, then let all children drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for child in range(self._count):
            self._fork(child)
        while not self._stopping.wait(POLL_S):
            self._replace_dead()
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        while self._children:
            self._children.pop(os.wait()[0], None)
        return self._code

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _replace_dead(self) -> None:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid not in self._children:
            return
        child = self._children.pop(pid)
        self._forget(pid)
        code = os.waitstatus_to_exitcode(status)
        log.error("server.died", pid=pid, exit_code=code)
        if code == self._fatal:
            self._code = code
            self._stopping.set()
        elif not self._stopping.wait(RESTART_DELAY_S):
            self._fork(child)

    def _fork(self, child: int) -> None:
        pid = os.fork()
        if pid:
            self._children[pid] = child
            return
        code = 1
        try:
            self._begin_child()
            code = self._serve(child)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
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
