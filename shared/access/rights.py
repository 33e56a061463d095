"""What somebody may use, as it travels with work that goes on without them: streams and WebRTC sessions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from shared.errors import ModelNotFound


@dataclass(frozen=True)
class Rights:
    """Attributes:
    owner: whose the jobs are; "" nobody's.
    sees: whose saved workflows may be used; None everybody's.
    models: patterns of model ids; none allow all.
    """

    owner: str = ""
    sees: str | None = None
    models: tuple[str, ...] = ()

    def check(self, model_id: str) -> None:
        """Raises ModelNotFound, as for a model that is not there. ``model_id`` is the id, not an alias."""
        if self.models and not any(fnmatchcase(model_id, pattern) for pattern in self.models):
            raise ModelNotFound(f"There is no model {model_id!r}.", model=model_id)

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


EVERYTHING = Rights()
NOTHING = Rights(sees="", models=("",))


def load(text: bytes | str) -> Rights:
    """What ``dump`` wrote; what cannot be read allows nothing, and what was never written (older records) all."""
    if not text:
        return EVERYTHING
    try:
        fields = json.loads(text)
        owner, sees, models = fields["owner"], fields["sees"], tuple(fields["models"])
    except (ValueError, KeyError, TypeError):
        return NOTHING
    if not isinstance(owner, str) or not isinstance(sees, str | None) or not all(isinstance(m, str) for m in models):
        return NOTHING
    return Rights(owner, sees, models)
