"""Kombu's Redis transport, whose channels outlive the loss of their connection.

With kombu 5.7 a lost connection ends the whole worker, and the inference in it, when a task runs at that moment: Celery
collects the connection, closes it and later acknowledges the message on the old channel, and both go through what has
been collected already. Nothing is lost by leaving such messages: one only says that there is work in Redis, clocks say
so again, and what is not acknowledged comes back after ``visibility_timeout``.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from typing_extensions import override


class Channel(redis.Channel):
    """Puts nothing back when it is closed, and acknowledges nothing afterwards."""

    do_restore = False

    @override
    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Acknowledge, unless the connection has gone."""
        if not self.closed:
            super().basic_ack(delivery_tag, multiple=multiple)  # type: ignore[no-untyped-call] # kombu ships no types

    @override
    def basic_reject(self, delivery_tag: str, *arguments: Any, **options: Any) -> None:
        """Reject, unless the connection has gone."""
        if not self.closed:
            super().basic_reject(delivery_tag, *arguments, **options)  # type: ignore[no-untyped-call] # kombu ships no types


class Transport(redis.Transport):
    """What ``broker_transport`` names."""

    Channel = Channel


TRANSPORT = "visionfleet"
"""Its name in ``broker_transport`` and in URLs of brokers."""
TRANSPORT_ALIASES[TRANSPORT] = f"{Transport.__module__}:{Transport.__name__}"


def broker_url(redis_url: str) -> str:
    """A Redis URL as kombu spells it, which has another form for unix sockets."""
    if not redis_url.startswith("unix:"):
        return redis_url
    return f"{TRANSPORT}+socket:" + redis_url.removeprefix("unix:").replace("?db=", "?virtual_host=")
