"""The Lua scripts of the video streams, one object each. What they take and return stands at the top of each file."""

from __future__ import annotations

from shared.redis import Script

CREATE = Script("stream_create")
COMMAND = Script("stream_command")
CLAIM = Script("stream_claim")
RENEW = Script("stream_renew")
WRITE = Script("stream_write")
CONSUME = Script("stream_consume")
BEAT = Script("stream_beat")
