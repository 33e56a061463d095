"""The Lua scripts of the webhooks, one object each. What they take and return stands at the top of each file."""

from __future__ import annotations

from shared.redis import Script

COLLECT = Script("webhook_collect")
CLAIM = Script("webhook_claim")
SETTLE = Script("webhook_settle")
DEFER = Script("webhook_defer")
REPLAY = Script("webhook_replay")
POST = Script("webhook_post")
TICK = Script("webhook_tick")
SWAP = Script("swap")
