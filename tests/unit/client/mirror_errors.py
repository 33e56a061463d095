"""The client's mirror of the server's errors. Renew it: ``python -m tests.unit.client.mirror_errors``."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from shared import errors

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "client" / "visionfleet" / "errors" / "mirrored.py"
HEAD = '''"""The server's errors. Made from those of shared/ by tests/unit/client/mirror_errors.py."""

from __future__ import annotations

from visionfleet.errors.base import VisionfleetError

__all__ = {names}
'''
CODE = re.compile(r'^    code = "', re.MULTILINE)


def originals() -> list[type[errors.VisionfleetError]]:
    """Every error below ``shared/`` with a code of its own: those of shared/errors.py, then the others by file."""
    files = [ROOT / "shared" / "errors.py", *sorted((ROOT / "shared").rglob("*.py"))]
    modules = [import_module(module_of(file)) for file in files if CODE.search(file.read_text())]
    found = [
        cls
        for module in dict.fromkeys(modules)
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, errors.VisionfleetError) and cls.__module__ == module.__name__
    ]
    return [cls for cls in found if cls is errors.VisionfleetError or cls.code != cls.__bases__[0].code]


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def page() -> str:
    """The module as it should be."""
    below = [cls for cls in originals() if cls is not errors.VisionfleetError]
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
