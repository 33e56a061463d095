"""The API and the engine in one process without Redis, for platforms that start containers by request.

Synchronous inference only: what outlives a request (jobs, batches, streams, webhooks, keys) needs the fleet.
"""
