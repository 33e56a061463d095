"""No-op jobs through our queue, beside the same through Celery tasks: ``python -m bench.queue``."""
