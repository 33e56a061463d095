"""Our signatures, verified by the official JavaScript package and, for ed25519, by node's own cryptography."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from shared.webhooks.signature import headers, new_key

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "visionfleet-tests" / "standardwebhooks"
PACKAGE = "standardwebhooks@1.1.1"
IN_CI = bool(os.environ.get("CI"))

VERIFY = """
const { Webhook } = require("standardwebhooks");
const crypto = require("node:crypto");
const { secret, publicKey, headers, body } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const verdict = (check) => { try { return check(); } catch (error) { return error.message; } };
const ed25519 = () => {
  const signature = headers["webhook-signature"].split(" ").find((part) => part.startsWith("v1a,")).slice(4);
  const raw = Buffer.from(publicKey.slice("whpk_".length), "base64");
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  const key = crypto.createPublicKey({ key: jwk, format: "jwk" });
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return crypto.verify(null, Buffer.from(content), key, Buffer.from(signature, "base64"));
};
console.log(JSON.stringify({
  hmac: verdict(() => new Webhook(secret).verify(body, headers)),
  tampered: verdict(() => new Webhook(secret).verify(body + " ", headers)),
  ed25519: ed25519(),
}));
"""


@pytest.fixture(scope="module")
def package() -> Path:
    """The folder of the official package, installed once into the user's cache."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        missing("there is no npm")
    if not (CACHE / "node_modules" / "standardwebhooks" / "package.json").is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(CACHE), PACKAGE]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
        if installed.returncode:
            missing(f"npm cannot install it: {installed.stderr[-300:]}")
    return CACHE


def missing(reason: str) -> None:
    """Without the package the check is impossible: said aloud on a laptop, a failure in CI."""
    (pytest.fail if IN_CI else pytest.skip)(f"the official JavaScript package is not checked, {reason}")


def test_the_official_javascript_package_verifies(package: Path) -> None:
    secret, pair = new_key("hmac"), new_key("ed25519")
    body = json.dumps({"type": "job.succeeded", "data": {"name": "ä🎥"}}, ensure_ascii=False)
    signed = headers([new_key("hmac"), secret, pair], "msg_1", int(time.time()), body.encode())
    given = {"secret": secret.text, "publicKey": pair.public_text, "headers": signed, "body": body}
    ran = subprocess.run(
        ["node", "-e", VERIFY],
        input=json.dumps(given),
        cwd=package,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    verdicts = json.loads(ran.stdout)
    assert verdicts["hmac"] == json.loads(body)
    assert verdicts["tampered"] == "No matching signature found"
    assert verdicts["ed25519"] is True


def test_the_public_key_is_the_pairs_own() -> None:
    key = new_key("ed25519")
    assert key.public_text is not None
    assert base64.b64decode(key.text[5:])[32:] == base64.b64decode(key.public_text[5:])
