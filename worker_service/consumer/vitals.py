"""Whether this worker works: what its health checks see."""

from __future__ import annotations

import time

from shared.pulse import ALIVE, READY, Pulse
from worker_service.consumer.advert import Advert
from worker_service.consumer.intake import Intake
from worker_service.consumer.scout import Every

EVERY_S = 1.0
TURN_S = 30.0
"""A turn of the intake may wait for Redis to time out, twice."""
BEAT_S = 10.0
"""Heartbeats come each second; one may wait for Redis to time out."""


class Vitals:
    """Beats the pulse as long as there is reason to. A model that hangs is the scout's to see: it ends the process."""

    def __init__(self, pulse: Pulse, advert: Advert, intake: Intake, heartbeat: Every) -> None:
        self._pulse = pulse
        self._advert = advert
        self._intake = intake
        self._heartbeat = heartbeat

    def check(self) -> None:
        """Look, and beat. Raises OSError when the folder of the pulse cannot be written."""
        now = time.monotonic()
        if self._intake.is_alive() and now - self._intake.turned < TURN_S:
            self._pulse.beat(ALIVE)
            if self._advert.state == "ready" and self._intake.reads and now - self._heartbeat.done < BEAT_S:
                self._pulse.beat(READY)
