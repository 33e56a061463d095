"""Who calls, as handlers see it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.access.key import ApiKey


@dataclass(frozen=True)
class Caller:
    """Who calls: the key, or None where no key is asked for."""

    key: ApiKey | None = None

    @property
    def owner(self) -> str:
        """Whose jobs its jobs are; "" without a key."""
        return "" if self.key is None else self.key.owner

    @property
    def key_id(self) -> str:
        """Under which its use is counted; "" without a key."""
        return "" if self.key is None else self.key.id

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything."""
        return self.key is None or "admin" in self.key.scopes

    def sees(self, model_id: str) -> bool:
        """Whether it may use the model."""
        return self.key is None or self.key.sees(model_id)


OPEN = Caller()
NOBODY = Caller(ApiKey("", "", "nobody", (), "", 0, models=("",)))
"""Whoever has no key where one is asked for: there is no model that it sees."""
