"""Synchronous requests from several threads, for as long as something is done to the system."""

from __future__ import annotations

import base64
import threading
import time
from collections import Counter
from types import TracebackType

import requests
from typing_extensions import Self

from bench.compose.engine import ROOT

PICTURE = (ROOT / "examples" / "images" / "scene.jpg").read_bytes()
MODEL = "shapes-detector"
RETRIES = 20


class Caller:
    """One administrator's view of the API."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}
        self.body = {"model_id": MODEL, "image": {"type": "base64", "value": base64.b64encode(PICTURE).decode()}}

    def infer(self, session: requests.Session) -> str:
        """ "ok", or what went wrong."""
        try:
            answer = session.post(
                f"{self.url}/infer/object_detection", json=self.body, headers=self.headers, timeout=120
            )
        except requests.RequestException as error:
            return type(error).__name__
        if answer.status_code != 200:
            return f"{answer.status_code} {answer.text[:80]}"
        return "ok" if answer.json()["predictions"] else "empty"

    def get(self, path: str) -> requests.Response:
        """A GET with the key."""
        return requests.get(f"{self.url}{path}", headers=self.headers, timeout=60)

    def job(self, **terms: object) -> str:
        """Submit an asynchronous job; its id. Refusals that say that they pass are waited out, as our client does."""
        body = {"model": MODEL, "image": self.body["image"], **terms}
        for _ in range(RETRIES):
            answer = requests.post(f"{self.url}/v1/jobs", json=body, headers=self.headers, timeout=60)
            if answer.status_code != 503:
                break
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        answer.raise_for_status()
        return str(answer.json()["id"])

    def state(self, job: str) -> str:
        """State of a job, or what kept us from knowing."""
        try:
            return str(self.get(f"/v1/jobs/{job}").json().get("state"))
        except (requests.RequestException, ValueError) as error:
            return type(error).__name__


class Load:
    """``with Load(caller, 4) as load``: four threads ask one request after the other; ``outcomes`` counts them."""

    def __init__(self, caller: Caller, threads: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.seconds = 0.0
        self._caller = caller
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self._began = 0.0

    @property
    def failures(self) -> dict[str, int]:
        """Everything that was not answered rightly."""
        return {outcome: count for outcome, count in self.outcomes.items() if outcome != "ok"}

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._began

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._over.is_set():
                outcome = self._caller.infer(session)
                with self._lock:
                    self.outcomes[outcome] += 1
                if outcome != "ok":
                    self._over.wait(0.2)
