"""How blocks call what lies outside, from the threads that they run in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from shared.egress import Egress, EgressFailed, PostAnswer
from shared.egress_policy import EgressPolicy
from shared.workflows.settings import WorkflowSettings

ANSWER_BYTES = 2**20
WEB = frozenset({"http", "https"})


def users_policy(settings: WorkflowSettings, timeout_s: float) -> EgressPolicy:
    """What a URL in a definition may lead to: the public internet over https, unless a setting allows more."""
    if settings.workflow_sink_allow_private:
        return EgressPolicy(schemes=WEB, ports=None, allow_private=True, timeout_s=timeout_s, proxy=settings.proxy)
    return EgressPolicy(ports=frozenset({443}), timeout_s=timeout_s, proxy=settings.proxy)


def operators_policy(settings: WorkflowSettings, timeout_s: float | None = None) -> EgressPolicy:
    """What may be called for URLs that the server's operator set: anything. Sinks' seconds unless others are given."""
    seconds = settings.workflow_sink_timeout_s if timeout_s is None else timeout_s
    return EgressPolicy(schemes=WEB, ports=None, allow_private=True, timeout_s=seconds)


def json_of(answer: PostAnswer) -> dict[str, Any]:
    """The object that was answered. Raises EgressFailed."""
    try:
        said = json.loads(answer.excerpt)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise EgressFailed(f"The answer, with status {answer.status}, is no JSON object.", status=answer.status)
    return said


def call(
    policy: EgressPolicy, method: str, url: str, body: Any, headers: Mapping[str, str], *, as_is: bool = False
) -> PostAnswer:
    """The answer, whatever its status; ``as_is`` as in ``Egress.send``. Raises EgressRefused, EgressFailed."""

    async def send() -> PostAnswer:
        egress = Egress(policy)
        try:
            return await egress.send(method, url, body, headers, ANSWER_BYTES, as_is=as_is)
        finally:
            await egress.close()

    return asyncio.run(send())
