"""The S3 sink, against moto's server, which keeps objects and checks signatures as S3 does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from moto.server import ThreadedMotoServer

from shared.errors import InvalidRequest
from shared.workflows.blocks.sinks import s3
from shared.workflows.blocks.sinks._s3 import Account, address, signed
from shared.workflows.blocks.sinks.s3 import S3
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings
from shared.workflows.testing import make, run_block
from tests.unit.workflows.receiver import Receiver, Request, receiver

BUCKET = "results"
NOON = datetime(2026, 11, 26, 12, 0, 0, tzinfo=timezone.utc)


@dataclass
class Bucket:
    url: str
    key_id: str
    secret: str
    client: Any

    def services(self, **more: Any) -> Services:
        return Services(settings=WorkflowSettings(workflow_s3_url=self.url), **more)

    def objects(self) -> dict[str, tuple[str, str]]:
        """Text and type of each object by name."""
        rows = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        found = {row["Key"]: self.client.get_object(Bucket=BUCKET, Key=row["Key"]) for row in rows}
        return {key: (one["Body"].read().decode(), one["ContentType"]) for key, one in found.items()}


@pytest.fixture(scope="module")
def account() -> Iterator[Bucket]:
    """A server, and a user of it who may do anything with buckets; every request must be signed right."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    options: dict[str, Any] = {"endpoint_url": url, "region_name": "us-east-1"}
    iam = boto3.client("iam", aws_access_key_id="root", aws_secret_access_key="root", **options)
    iam.create_user(UserName="camera")
    rule = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    iam.put_user_policy(UserName="camera", PolicyName="put", PolicyDocument=policy)
    key = iam.create_access_key(UserName="camera")["AccessKey"]
    requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=60)
    mine = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}), **options, **mine)
    yield Bucket(url, key["AccessKeyId"], key["SecretAccessKey"], client)
    requests.post(f"{url}/moto-api/reset-auth", data=b"1000000", timeout=60)
    server.stop()


@pytest.fixture
def bucket(account: Bucket) -> Bucket:
    """With nothing in it."""
    account.client.create_bucket(Bucket=BUCKET)
    for name in account.objects():
        account.client.delete_object(Bucket=BUCKET, Key=name)
    return account


def put(bucket: Bucket, block: Any = None, **fields: Any) -> Any:
    keys = {"aws_access_key_id": bucket.key_id, "aws_secret_access_key": bucket.secret}
    given = {"content": "a,b\n1,2\n", "output_mode": "separate_files", "bucket_name": BUCKET, **keys, **fields}
    return run_block(block or make(S3, bucket.services(now=lambda: NOON)), **given)


def test_a_text_becomes_an_object(bucket: Bucket) -> None:
    name = "cam 1/day=26+ä@(b):$/gate__2026_11_26_12_00_00_000000.csv"
    answer = put(bucket, s3_prefix="cam 1/day=26+ä@(b):$/", file_name_prefix="gate/")
    assert answer == {"error_status": False, "message": f"Wrote s3://{BUCKET}/{name}."}
    assert bucket.objects() == {name: ("a,b\n1,2\n", "text/csv")}


def test_a_log_grows_and_goes_on_in_a_new_object(bucket: Bucket) -> None:
    times = iter(NOON.replace(second=n) for n in range(30))
    block = make(S3, bucket.services(now=lambda: next(times)))
    for n in range(3):
        assert put(bucket, block, content=f"a\n{n}\n", output_mode="append_log", max_entries_per_file=2)[
            "error_status"
        ] is False  # fmt: skip
    texts = [text for _, (text, _) in sorted(bucket.objects().items())]
    assert texts == ["a\n0\n1\n", "a\n2\n"]


def test_json_in_a_log_is_a_line_each(bucket: Bucket) -> None:
    block = make(S3, bucket.services())
    given: dict[str, Any] = {"file_type": "json", "output_mode": "append_log"}
    for content in ('{"a":\n 1}', '{"b": 2}'):
        put(bucket, block, content=content, **given)
    assert "no JSON" in put(bucket, block, content="{", **given)["message"]
    ((name, found),) = bucket.objects().items()
    assert name.endswith(".jsonl")
    assert found == ('{"a": 1}\n{"b": 2}\n', "application/x-ndjson")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"aws_secret_access_key": "wrong"}, "status 403: SignatureDoesNotMatch"),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, "status 403: InvalidAccessKeyId"),
        ({"bucket_name": "nobodys"}, "status 404: NoSuchBucket"),
        ({"aws_access_key_id": None}, "Give aws_access_key_id"),
        ({"aws_access_key_id": "a/b c"}, "no key's id"),
        ({"bucket_name": "../other"}, "bucket_name is"),
        ({"aws_region": "evil.example/"}, "aws_region is"),
        ({"s3_prefix": "a/../b"}, "s3_prefix has"),
        ({"s3_prefix": "a" * 1024}, "longer than 1024 bytes"),
    ],
)
def test_what_is_refused(bucket: Bucket, fields: dict[str, Any], said: str) -> None:
    answer = put(bucket, **fields)
    assert answer["error_status"] is True
    assert said in answer["message"]
    assert bucket.secret not in answer["message"]


def test_sinks_that_are_disabled_write_nothing(bucket: Bucket) -> None:
    block = make(S3, bucket.services(disable_sinks=True))
    assert put(bucket, block)["error_status"] is False
    assert bucket.objects() == {}


@pytest.fixture
def flaky() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_a_server_in_trouble_is_asked_again(flaky: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PAUSE_S", 0)
    place = Bucket(flaky.url, "AKIA", "secret", None)

    def after(failures: int) -> Any:
        def answer(request: Request) -> tuple[int, Any]:
            return (503, "<Error><Code>SlowDown</Code></Error>") if len(flaky.requests) <= failures else (200, "")

        flaky.requests.clear()
        flaky.answer = answer
        return put(place)

    assert after(failures=2)["error_status"] is False
    assert len({request.target for request in flaky.requests}) == 1  # the same object each time
    assert "status 503: SlowDown" in after(failures=9)["message"]
    assert len(flaky.requests) == 3
    gone = Bucket("http://127.0.0.1:9", "AKIA", "secret", None)
    assert "could not be reached" in put(gone)["message"]


def test_the_signature_is_that_of_the_api_reference() -> None:
    """The example "PUT Object" of AWS's description of header-based signatures."""
    account = Account("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    headers = {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    url = "https://examplebucket.s3.amazonaws.com/test%24file.text"
    now = datetime(2013, 5, 24, tzinfo=timezone.utc)
    made = signed(url, b"Welcome to Amazon S3.", headers, account, now)["Authorization"]
    assert made.endswith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    assert account.secret not in repr(account)


def test_where_a_bucket_is() -> None:
    assert (
        address(None, "photos", "a b.csv", "eu-central-1") == "https://photos.s3.eu-central-1.amazonaws.com/a%20b.csv"
    )
    assert address(None, "my.photos", "a", "us-east-1") == "https://s3.us-east-1.amazonaws.com/my.photos/a"
    assert address(None, "photos", "a", "cn-north-1") == "https://photos.s3.cn-north-1.amazonaws.com.cn/a"
    assert address("http://minio:9000/", "photos", "a", "us-east-1") == "http://minio:9000/photos/a"
    with pytest.raises(InvalidRequest):
        address(None, "photos", "a//b", "us-east-1")
