"""The Lua scripts of the queue, one object each. What they take and return stands at the top of each file."""

from __future__ import annotations

from shared.redis import Script

SUBMIT = Script("submit")
TAKE = Script("take")
ADMIT = Script("admit")
RENEW = Script("renew")
FINISH = Script("finish")
TAKEOVER = Script("takeover")
SURVEY = Script("survey")
WATCH = Script("watch")
CANCEL = Script("cancel")
WITHDRAW = Script("withdraw")
ERASE = Script("erase")
SWEEP = Script("sweep")
PROGRESS = Script("progress")
SAY = Script("say")
DEAD = Script("dead")
TIDY = Script("tidy")
