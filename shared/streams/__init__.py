"""Streams as the API and the stream service both see them: specification, state in Redis, redaction."""
