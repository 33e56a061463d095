"""The root of the tree of errors."""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override


class VisionfleetError(Exception):
    """Root of the tree, and the error of codes that this version does not know.

    Attributes:
        code: stable machine code.
        status: HTTP status of the answer; None when there was none.
        retryable: whether the same call may succeed later.
        retry_after: seconds that the server asked to wait, when it did.
        details: what else the server told.
    """

    default_code: ClassVar[str] = "internal"
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.status = status
        self.retryable = self.default_retryable
        self.retry_after: float | None = None
        self.details = details

    @override
    def __str__(self) -> str:
        return self.message

    def to_dict(self) -> dict[str, Any]:
        """Code, message, retryable and details."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable, "details": self.details}
