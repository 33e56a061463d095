"""Jobs in, results out: a Celery worker whose inference consumer is a bootstep."""

VERSION = "0.1.0"
