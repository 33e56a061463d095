"""Putting an object into a bucket: one request, signed by AWS's Signature Version 4.

Written out here because the libraries that do it are 16 to 32 MB in every worker for this one request, and call out by
themselves, past the rules of ``shared/egress.py``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

from shared.errors import InvalidRequest

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z0-9-]{1,40}")
KEY_BYTES = 1024
"""S3's own limit on an object's key."""


@dataclass(frozen=True)
class Account:
    """Who puts, and where the bucket is."""

    key_id: str
    secret: str = field(repr=False)
    region: str = "us-east-1"


def address(endpoint: str | None, bucket: str, key: str, region: str) -> str:
    """The object's URL: AWS's, or a path below another endpoint. Raises InvalidRequest for names that S3 refuses."""
    if not BUCKET.fullmatch(bucket):
        raise InvalidRequest("bucket_name is 3 to 63 lower-case letters, digits, dots and hyphens.")
    if not REGION.fullmatch(region):
        raise InvalidRequest("aws_region is a name such as eu-central-1.")
    if len(key.encode()) > KEY_BYTES:
        raise InvalidRequest(f"The object's name is longer than {KEY_BYTES} bytes; shorten s3_prefix.")
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise InvalidRequest("s3_prefix has an empty part, '.' or '..' between its slashes.")
    path = quote(key, safe="/~")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}/{path}"
    host = f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    # The certificate is for one name below the host, so a bucket with dots goes into the path.
    return f"https://{host}/{bucket}/{path}" if "." in bucket else f"https://{bucket}.{host}/{path}"


def signed(url: str, body: bytes, headers: Mapping[str, str], account: Account, now: datetime) -> dict[str, str]:
    """The headers of a PUT with its signature. ``now`` is in UTC.

    As in "Authenticating Requests: Using the Authorization Header" of the API reference of S3.
    """
    parts, stamp = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    given = {**headers, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    covered = {"host": parts.netloc, **{name.lower(): value.strip() for name, value in given.items()}}
    names = ";".join(sorted(covered))
    lines = "".join(f"{name}:{covered[name]}\n" for name in sorted(covered))
    request = f"PUT\n{parts.path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{stamp[:8]}/{account.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{account.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={account.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**given, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}
