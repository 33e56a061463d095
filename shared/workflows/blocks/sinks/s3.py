"""Write texts to a bucket."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Annotated, Any, Literal

from shared.egress import EgressFailed
from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.blocks.sinks._entries import FileType, entry, file_name, log_suffix
from shared.workflows.blocks.sinks._s3 import Account, address, signed
from shared.workflows.calls import call, operators_policy, users_policy
from shared.workflows.fields import SecretRef, Selector, StepFields, StrRef
from shared.workflows.sink import Sink

TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "txt": "text/plain",
}
TRIES = 3
PAUSE_S = 0.25
MOST_BYTES = 32 * 2**20
"""A log goes on in a new object when it has so many, as the whole of it is sent for each entry."""
KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")


class S3(Sink):
    """One object per text, or a log, sent whole after each entry, that goes on in a new object when it is full.

    The keys are those of the definition; this server's own are never used.
    """

    ids = ("roboflow_core/s3_sink@v1",)
    label = "S3 Sink"
    summary = "Write texts to a bucket of S3."
    stateful = True

    class Fields(StepFields):
        """Objects are named ``s3_prefix/file_name_prefix`` and the time. Without a region it is us-east-1."""

        content: StrRef
        file_type: FileType = "csv"
        output_mode: Literal["append_log", "separate_files"]
        bucket_name: StrRef | str
        s3_prefix: StrRef | str = ""
        file_name_prefix: StrRef | str = "workflow_output"
        max_entries_per_file: int | Annotated[str, Selector(kinds.STRING)] = 1024
        aws_access_key_id: SecretRef | str | None = None
        aws_secret_access_key: SecretRef | str | None = None
        aws_region: StrRef | str | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._name = ""
        self._log: list[bytes] = []

    def run(self, content: str, file_type: FileType, output_mode: str, **place: Any) -> dict[str, Any]:
        """Writes, and tells where."""
        write = self._append if output_mode == "append_log" else self._write
        return self.deliver(partial(write, content, file_type, place))

    def _write(self, content: str, file_type: FileType, place: dict[str, Any]) -> str:
        name = file_name(place["file_name_prefix"], self.services.now(), file_type)
        return self._put(name, content.encode(), place)

    def _append(self, content: str, file_type: FileType, place: dict[str, Any]) -> str:
        full = len(self._log) >= max(int(place["max_entries_per_file"]), 1) or sum(map(len, self._log)) > MOST_BYTES
        first = not self._name or full
        line = entry(content, file_type, first=first).encode()
        if first:
            self._name = file_name(place["file_name_prefix"], self.services.now(), log_suffix(file_type))
            self._log = []
        self._log.append(line)
        return self._put(self._name, b"".join(self._log), place)

    def _put(self, name: str, body: bytes, place: dict[str, Any]) -> str:
        endpoint, bucket, account = self.services.settings.workflow_s3_url, place["bucket_name"], _account(place)
        key = "/".join(filter(None, [place["s3_prefix"].rstrip("/"), name]))
        url = address(endpoint, bucket, key, account.region)
        kind = {"Content-Type": TYPES[name.rpartition(".")[2]]}
        for tries in range(TRIES):
            if tries:
                time.sleep(PAUSE_S * 2**tries)
            try:
                status, excerpt = self._send(url, body, signed(url, body, kind, account, self.services.now()))
            except EgressFailed:
                if tries == TRIES - 1:
                    raise
                continue
            if status < 300:
                return f"Wrote s3://{bucket}/{key}."
            if status < 500:
                break
        found = CODE.search(excerpt)
        why = found[1].decode() if found else "no reason given"
        raise EgressFailed(f"S3 answered with status {status}: {why}.", status=status)

    def _send(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        settings = self.services.settings
        own = settings.workflow_s3_url is not None
        policy = operators_policy(settings) if own else users_policy(settings, settings.workflow_sink_timeout_s)
        answer = call(policy, "PUT", url, body, headers, as_is=True)
        return answer.status, answer.excerpt


def _account(place: dict[str, Any]) -> Account:
    key_id, secret = place["aws_access_key_id"], place["aws_secret_access_key"]
    if not key_id or not secret:
        raise InvalidRequest("Give aws_access_key_id and aws_secret_access_key; this server's own are not used.")
    if not KEY_ID.fullmatch(key_id):
        raise InvalidRequest("aws_access_key_id is no key's id: it has characters that none has.")
    return Account(key_id, secret, place["aws_region"] or "us-east-1")
