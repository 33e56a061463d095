"""The Lua scripts of the batches, one object each. What they take and return stands at the top of each file."""

from __future__ import annotations

from shared.redis import Script

CREATE = Script("batch_create")
CLAIM = Script("batch_claim")
PLAN = Script("batch_plan")
STEP = Script("batch_step")
NOTE = Script("batch_note")
END = Script("batch_end")
RELEASE = Script("batch_release")
TICK = Script("batch_tick")
