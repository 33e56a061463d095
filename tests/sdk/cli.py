"""Runs inside an environment of script/sdk: several commands of inference-cli in one process, because it starts slowly.

The argument is a JSON list of argument lists; the output one JSON object per command: {"code", "printed"}.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from inference_cli.main import app


def main() -> None:
    for arguments in json.loads(sys.argv[1]):
        json.dump(run(arguments), sys.stdout)
        sys.stdout.write("\n")


def run(arguments: list[str]) -> dict[str, Any]:
    """As its console script does."""
    printed, code = io.StringIO(), 0
    with contextlib.redirect_stdout(printed):
        try:
            app(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return {"code": code, "printed": printed.getvalue()}


if __name__ == "__main__":
    main()
