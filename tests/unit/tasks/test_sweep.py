"""Which uploads are old enough to be looked at by the sweep."""

from __future__ import annotations

import os
import time
from pathlib import Path

from shared.batches.settings import BatchSettings
from worker_service.tasks.batches import LEFT_BEHIND_S, _old_uploads


def test_only_old_folders(tmp_path: Path) -> None:
    settings = BatchSettings(data_dir=tmp_path, batch_upload_timeout_s=10)
    assert _old_uploads(settings) == []
    for name, age_s in (("old", LEFT_BEHIND_S + 60), ("new", LEFT_BEHIND_S - 60)):
        folder = settings.uploads / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age_s,) * 2)
    assert [folder.name for folder in _old_uploads(settings)] == ["old"]
