"""Exit codes, and how an error becomes one line on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from visionfleet import errors
from visionfleet.cli.console import complain

if TYPE_CHECKING:
    from visionfleet.errors import VisionfleetError

FAILED, USAGE, UNREACHABLE, NOT_FOUND, BUSY = 1, 2, 3, 4, 5

EPILOG = (
    "Exit codes: 0 done; 1 failed (an image, a job or a check); 2 wrong usage; 3 no server answers; "
    "4 no such model or job; 5 the server is busy or too slow, try again; 130 interrupted."
)


def code_of(error: VisionfleetError) -> int:
    """The exit code that an error means."""
    if isinstance(error, errors.ServerUnreachable):
        return UNREACHABLE
    if isinstance(error, errors.NotFound):
        return NOT_FOUND
    if isinstance(error, (errors.Unavailable, errors.DeadlineExceeded)):
        return BUSY
    return FAILED


class Group(TyperGroup):
    """The root command: whatever goes wrong below it is one line that says what to do, never a traceback."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except errors.VisionfleetError as error:
            complain(error.message)
            raise typer.Exit(code_of(error)) from error
        except BrokenPipeError:  # `visionfleet ... | head`: typer ends quietly
            raise
        except OSError as error:
            complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
            raise typer.Exit(FAILED) from error
