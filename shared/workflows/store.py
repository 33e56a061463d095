"""Saved workflows, in Redis so that every API replica and every worker sees the same. Versions are never changed."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from shared import keys
from shared.codec import pack, unpack
from shared.errors import Conflict, InvalidRequest, NotFound, QueueUnavailable, TooLarge
from shared.redis import AsyncRedis, RedisError, Script, SyncRedis, run_async

ID = re.compile(r"^[\w-]{1,128}$", re.ASCII)
LOCAL = "local"
"""The workspace of saved workflows; there is no other."""
MOST = 10_000
MAX_BYTES = 2_000_000
SAVE = Script("workflow_save")


class WorkflowNotFound(NotFound):
    """There is no saved workflow of that id, or not in that version."""

    code = "workflow_not_found"


class WorkflowTaken(Conflict):
    """The id is another owner's."""

    code = "workflow_taken"


@dataclass(frozen=True)
class SavedWorkflow:
    """One version of one workflow; ``versions`` are the numbers of all there are. Times are ms since the epoch."""

    id: str
    version: int
    name: str
    definition: dict[str, Any]
    created_ms: int
    versions: tuple[int, ...] = ()


def check_id(workflow_id: str) -> str:
    """The id itself. Raises InvalidRequest."""
    if not ID.fullmatch(workflow_id):
        raise InvalidRequest("A workflow's id has up to 128 letters, digits, '_' and '-'.")
    return workflow_id


class WorkflowStore:
    """The API's side. ``owner`` is the caller's, None for an administrator. Raises QueueUnavailable."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client

    async def save(
        self, workflow_id: str, name: str, definition: dict[str, Any], owner: str, *, replace: bool = False
    ) -> int:
        """Store the next version and tell its number; with ``replace`` also of another's, whose it stays.

        Raises TooLarge, WorkflowTaken.
        """
        packed = pack({"name": name, "definition": definition, "created_ms": int(time.time() * 1000)})
        if len(packed) > MAX_BYTES:
            raise TooLarge(f"A definition is at most {MAX_BYTES} bytes.")
        names = [keys.WORKFLOWS, keys.workflow(check_id(workflow_id))]
        try:
            (number,) = await run_async(self._client, [SAVE(names, workflow_id, owner, packed, MOST, int(replace))])
        except (RedisError, OSError) as error:
            raise _away() from error
        if isinstance(number, RedisError):
            raise _away() from number
        if number == 0:
            raise WorkflowTaken(f"The id {workflow_id!r} is taken by somebody else; choose another one.")
        if number < 0:
            raise TooLarge(f"There are {MOST} saved workflows already; delete some.")
        return int(number)

    async def get(self, workflow_id: str, version: str | None = None, owner: str | None = None) -> SavedWorkflow:
        """One version, the newest unless another is asked for. Raises WorkflowNotFound."""
        try:
            found: Any = await self._client.hgetall(keys.workflow(check_id(workflow_id)))
        except (RedisError, OSError) as error:
            raise _away() from error
        return read(workflow_id, found, version, owner)

    async def listed(self, owner: str | None = None) -> list[SavedWorkflow]:
        """The newest version of each, by id."""
        try:
            ids: Any = await self._client.hkeys(keys.WORKFLOWS)
            pipe: Any = self._client.pipeline(transaction=False)
            for workflow_id in ids:
                pipe.hgetall(keys.workflow(workflow_id.decode()))
            rows: list[dict[bytes, bytes]] = await pipe.execute()
        except (RedisError, OSError) as error:
            raise _away() from error
        named = sorted(zip((workflow_id.decode() for workflow_id in ids), rows, strict=True))
        return [read(name, row, None, None) for name, row in named if row and owner in (None, row[b"owner"].decode())]

    async def delete(self, workflow_id: str, owner: str | None = None) -> None:
        """Remove all versions. Raises WorkflowNotFound."""
        await self.get(workflow_id, None, owner)
        try:
            pipe: Any = self._client.pipeline(transaction=True)
            await pipe.hdel(keys.WORKFLOWS, workflow_id).delete(keys.workflow(workflow_id)).execute()
        except (RedisError, OSError) as error:
            raise _away() from error


def find(client: SyncRedis, workflow_id: str, version: str | None, owner: str | None) -> SavedWorkflow:
    """A worker's side: one version. Raises WorkflowNotFound, QueueUnavailable."""
    try:
        found: Any = client.hgetall(keys.workflow(check_id(workflow_id)))
    except (RedisError, OSError) as error:
        raise _away() from error
    return read(workflow_id, found, version, owner)


def read(workflow_id: str, found: dict[bytes, bytes], version: str | None, owner: str | None) -> SavedWorkflow:
    """What the hash of a workflow holds. Raises WorkflowNotFound."""
    numbers = sorted(int(name) for name in found if name.isdigit())
    if not numbers or (owner is not None and found[b"owner"].decode() != owner):
        raise WorkflowNotFound(f"There is no saved workflow {workflow_id!r}; GET /v1/workflows lists those there are.")
    number = numbers[-1] if version is None else int(version) if version.isdecimal() else 0
    if number not in numbers:
        raise WorkflowNotFound(f"The workflow {workflow_id!r} has no version {version!r}.")
    values = unpack(found[str(number).encode()])
    return SavedWorkflow(
        workflow_id, number, values["name"], values["definition"], values["created_ms"], tuple(numbers)
    )


def _away() -> QueueUnavailable:
    return QueueUnavailable("Saved workflows cannot be reached; try again in a moment.")
