"""Write texts to files of this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from shared.workflows import kinds
from shared.workflows.blocks.sinks._entries import FileType, entry, file_name, log_suffix
from shared.workflows.blocks.sinks._folders import writable
from shared.workflows.fields import Selector, StepFields, StrRef
from shared.workflows.sink import Sink


class LocalFile(Sink):
    """One file per text, or a log that goes on in a new file when it is full."""

    ids = ("roboflow_core/local_file_sink@v1",)
    label = "Local File Sink"
    summary = "Write texts to files of this machine."
    stateful = True

    class Fields(StepFields):
        """``target_directory`` is below the folder that the settings allow, or names one inside it."""

        content: StrRef
        file_type: FileType = "csv"
        output_mode: Literal["append_log", "separate_files"]
        target_directory: StrRef | str
        file_name_prefix: StrRef | str = "workflow_output"
        max_entries_per_file: int | Annotated[str, Selector(kinds.STRING)] = 1024

    _log: Path | None = None
    _entries = 0

    def run(
        self,
        content: str,
        file_type: FileType,
        output_mode: str,
        target_directory: str,
        file_name_prefix: str,
        max_entries_per_file: int,
    ) -> dict[str, object]:
        """Writes, and tells where."""
        prefix = file_name_prefix
        if output_mode == "append_log":
            return self.deliver(
                partial(self._append, content, file_type, target_directory, prefix, int(max_entries_per_file))
            )
        return self.deliver(partial(self._write, content, file_type, target_directory, prefix))

    def _write(self, content: str, file_type: FileType, folder: str, prefix: str) -> str:
        path = self._new_path(folder, prefix, file_type)
        path.write_text(content)
        return f"Wrote {path.name}."

    def _append(self, content: str, file_type: FileType, folder: str, prefix: str, most: int) -> str:
        with self.services.lock:
            if self._log is None or self._entries >= max(most, 1):
                self._log, self._entries = self._new_path(folder, prefix, log_suffix(file_type)), 0
            with self._log.open("a") as log:
                log.write(entry(content, file_type, first=self._entries == 0))
            self._entries += 1
            return f"Appended to {self._log.name}."

    def _new_path(self, folder: str, prefix: str, suffix: str) -> Path:
        target = writable(self.services.settings, folder)
        return target / file_name(prefix, self.services.now(), suffix)
