"""Webhook secrets: made, shown once, kept encrypted, rotated with an overlap, deleted."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from shared import keys
from shared.codec import pack, unpack
from shared.errors import NotFound, QueueUnavailable
from shared.redis import AsyncRedis, RedisError, run_async
from shared.webhooks import scripts
from shared.webhooks.sealing import Sealer, load_sealer
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.signature import Kind, SigningKey, new_key

DEFAULT = "default"
"""Signs the webhooks whose job named no secret: an ed25519 pair, whose public half anybody may see."""


class SecretNotFound(NotFound):
    """There is no webhook secret with this id."""

    code = "webhook_secret_not_found"


@dataclass(frozen=True)
class StoredKey:
    """One key of a secret. ``expires_ms`` is when it stops signing, None while it is current."""

    kind: Kind
    public: str | None
    sealed: bytes
    created_ms: int
    expires_ms: int | None = None

    def alive(self, now_ms: int) -> bool:
        """Whether it signs now."""
        return self.expires_ms is None or self.expires_ms > now_ms


@dataclass(frozen=True)
class Secret:
    """A named set of keys; every webhook that names it is signed with each key that is alive."""

    id: str
    name: str
    created_ms: int
    keys: list[StoredKey] = field(default_factory=list)


class SecretStore:
    """Every method raises QueueUnavailable when Redis is away. The encryption key is read when first needed."""

    def __init__(self, client: AsyncRedis, settings: WebhookSettings) -> None:
        self._client = client
        self._settings = settings
        self._loaded: Sealer | None = None

    async def create(self, name: str, signing: Sequence[SigningKey]) -> Secret:
        """Store a new secret with these keys."""
        now = _now_ms()
        secret_id = f"whs_{secrets.token_hex(8)}"
        secret = Secret(secret_id, name, now, await self._sealed(secret_id, signing, now))
        await self._swap(secret_id, b"", secret)
        return secret

    async def rotate(self, secret_id: str, signing: Sequence[SigningKey], overlap_s: float) -> Secret:
        """Make these the current keys; the former ones go on signing for ``overlap_s``. Raises SecretNotFound."""
        while True:
            raw, old = await self._read(secret_id)
            now = _now_ms()
            ends = now + int(overlap_s * 1000)
            kept = [_ending(key, ends) for key in old.keys if key.alive(now)]
            made = await self._sealed(old.id, signing, now)
            new = Secret(old.id, old.name, old.created_ms, [*made, *kept])
            if await self._swap(secret_id, raw, new):
                return new

    async def all(self) -> list[Secret]:
        """All secrets, the default one among them, oldest first."""
        await self._ensure_default()
        stored: Any = await self._ask(self._client.hgetall(keys.WEBHOOK_SECRETS))
        found = [_secret_from(name.decode(), raw) for name, raw in stored.items()]
        return sorted(found, key=lambda secret: (secret.created_ms, secret.id))

    async def get(self, secret_id: str) -> Secret:
        """One secret. Raises SecretNotFound."""
        return (await self._read(secret_id))[1]

    async def delete(self, secret_id: str) -> None:
        """Forget a secret; webhooks that name it fail from now on. Raises SecretNotFound."""
        if not await self._ask(self._client.hdel(keys.WEBHOOK_SECRETS, secret_id)):
            raise SecretNotFound("There is no webhook secret with this id.")

    async def signing_keys(self, secret_id: str) -> list[SigningKey]:
        """The keys to sign with now, newest first; "" takes the default secret's. Raises SecretNotFound."""
        if not secret_id:
            secret_id = DEFAULT
            await self._ensure_default()
        secret = await self.get(secret_id)
        now, sealer = _now_ms(), await self._sealer()
        return [SigningKey(key.kind, sealer.open(secret.id, key.sealed)) for key in secret.keys if key.alive(now)]

    async def _ensure_default(self) -> None:
        if await self._ask(self._client.hexists(keys.WEBHOOK_SECRETS, DEFAULT)):
            return
        now = _now_ms()
        await self._swap(DEFAULT, b"", Secret(DEFAULT, "", now, await self._sealed(DEFAULT, [new_key("ed25519")], now)))

    async def _sealer(self) -> Sealer:
        if self._loaded is None:
            self._loaded = await asyncio.to_thread(load_sealer, self._settings)
        return self._loaded

    async def _sealed(self, secret_id: str, signing: Sequence[SigningKey], now: int) -> list[StoredKey]:
        sealer = await self._sealer()
        return [StoredKey(key.kind, key.public_text, sealer.seal(secret_id, key.secret), now) for key in signing]

    async def _read(self, secret_id: str) -> tuple[bytes, Secret]:
        raw: Any = await self._ask(self._client.hget(keys.WEBHOOK_SECRETS, secret_id))
        if raw is None:
            raise SecretNotFound("There is no webhook secret with this id.")
        return raw, _secret_from(secret_id, raw)

    async def _swap(self, secret_id: str, old: bytes, new: Secret) -> bool:
        packed = pack({"name": new.name, "created_ms": new.created_ms, "keys": [vars(key) for key in new.keys]})
        call = scripts.SWAP([keys.WEBHOOK_SECRETS], secret_id, old, packed)
        (answer,) = await self._ask(run_async(self._client, [call]))
        if isinstance(answer, RedisError):
            raise QueueUnavailable("The webhook secrets cannot be written; try again in a moment.") from answer
        return bool(answer)

    async def _ask(self, question: Any) -> Any:
        try:
            return await question
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The webhook secrets cannot be reached; try again in a moment.") from error


def _secret_from(secret_id: str, raw: bytes) -> Secret:
    fields = cast("dict[str, Any]", unpack(raw))
    stored = [StoredKey(**key) for key in fields["keys"]]
    return Secret(secret_id, fields["name"], fields["created_ms"], stored)


def _ending(key: StoredKey, ends_ms: int) -> StoredKey:
    ends = ends_ms if key.expires_ms is None else min(key.expires_ms, ends_ms)
    return StoredKey(key.kind, key.public, key.sealed, key.created_ms, ends)


def _now_ms() -> int:
    return int(time.time() * 1000)
