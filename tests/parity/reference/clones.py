"""References that are on no package index: checkouts are used where there are any (script/parity --clones)."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

log = logging.getLogger("parity")


def find(name: str, inner: str = "") -> Path | None:
    """Folder ``inner`` of the checkout ``name``, put first on the import path; None, with a word, when there is none.

    Their modules have names such as ``utils`` and ``models``: one process must not import two of them.
    """
    root = os.environ.get("PARITY_CLONES", "")
    folder = Path(root, name, inner)
    if not root or not folder.is_dir():
        log.info("not recorded: no checkout of %s; script/parity --clones DIR takes the folder that holds it", name)
        return None
    sys.path.insert(0, str(folder))
    return folder
