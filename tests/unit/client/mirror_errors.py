"""The client's mirror of shared/errors.py. Renew it: ``python -m tests.unit.client.mirror_errors``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shared import errors

FILE = Path(__file__).resolve().parents[3] / "client" / "visionfleet" / "errors" / "mirrored.py"
HEAD = '''"""The server's errors. Made from shared/errors.py by tests/unit/client/mirror_errors.py."""

from __future__ import annotations

from visionfleet.errors.base import VisionfleetError

__all__ = {names}
'''


def page() -> str:
    """The module as it should be."""
    found = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.VisionfleetError)]
    below = [cls for cls in found if cls is not errors.VisionfleetError]
    text = HEAD.format(names=sorted(cls.__name__ for cls in below)) + "".join(map(section, below))
    command = [sys.executable, "-m", "ruff", "format", "-", "--stdin-filename", str(FILE)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def section(cls: type[errors.VisionfleetError]) -> str:
    (parent,) = cls.__bases__
    doc = (cls.__doc__ or "").strip().splitlines()[0]
    lines = ["", "", f"class {cls.__name__}({parent.__name__}):", f'    """{doc}"""', ""]
    if "code" in vars(cls):
        lines.append(f'    default_code = "{cls.code}"')
    if "retryable" in vars(cls):
        lines.append(f"    default_retryable = {cls.retryable}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page())
