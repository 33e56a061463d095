"""Slow work as Celery tasks; adding one is adding a file. Clocks start them, Redis remembers what is left to do.

A Celery message may be lost or come twice, so none carries work: it only says that there is some. What there is to do
stands in Redis with a due time and a lease, and a task takes what is due. Lost messages are sent again by the clock
that every worker process has; doubled ones find nothing to take.

Each process runs its tasks on a few threads. A task that mostly waits (webhooks) does so on an event loop of its own,
so that hundreds of slow receivers cost one thread.
"""
