"""Kombu's Redis transport, without putting back unacknowledged messages when the connection is lost.

After a loss Celery collects the connection and then closes it, and kombu 5.7 tries to put messages back through what
has been collected already: an AttributeError that ends the whole worker, and the inference in it. Nothing is lost by
leaving them: a message here only says that there is work in Redis, clocks say so again, and what is not acknowledged
comes back after ``visibility_timeout``.
"""

from __future__ import annotations

from kombu.transport import redis


class Channel(redis.Channel):  # type: ignore[misc] # kombu ships no types
    """A channel that can be closed when its connection is gone."""

    do_restore = False


class Transport(redis.Transport):  # type: ignore[misc] # kombu ships no types
    """What ``broker_transport`` names."""

    Channel = Channel
