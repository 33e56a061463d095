"""The Lua scripts of API keys. What they take and return stands at the top of each file."""

from __future__ import annotations

from shared.redis import Script

ADMIT = Script("key_admit")
CHANGE = Script("key_change")
