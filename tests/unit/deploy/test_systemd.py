"""The units of deploy/systemd: what systemd says of them; they start what is there, with settings that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import config
from tests.architecture.tree import ROOT

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
OURS = [path for path in SERVICES if path.stem != "visionfleet-redis"]


def install(into: Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "DESTDIR": str(into)}
    return subprocess.run(["sh", FOLDER / "install.sh"], env=variables, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_units_start_our_services_with_settings_that_exist(path: Path) -> None:
    text = path.read_text()
    (module,) = re.findall(r"^ExecStart=/opt/visionfleet/\.venv/bin/python -m (\w+)$", text, re.MULTILINE)
    assert (ROOT / module / "__main__.py").is_file()
    known = {setting.variable for setting in config.settings()}
    assert {name.removesuffix("_FILE") for name in re.findall(r"\b(VISIONFLEET_\w+)=", text)} <= known
    drain = float(next(one.default for one in config.settings() if one.variable == "VISIONFLEET_DRAIN_TIMEOUT_S"))
    assert float(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) > drain


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_units_have_no_rights_that_they_do_not_need(path: Path) -> None:
    lines = path.read_text().splitlines()
    for line in ("User=visionfleet", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict"):
        assert line in lines


def test_the_installer_makes_secrets_once_and_for_nobody_else(tmp_path: Path) -> None:
    install(tmp_path)
    etc = tmp_path / "etc" / "visionfleet"
    secrets = {path.name: path.read_text() for path in etc.iterdir()}
    assert set(secrets) == {"redis.conf", "redis-url", "admin-key", "visionfleet.env"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in etc.iterdir())
    password = re.findall(r"^requirepass (\w{64})$", secrets["redis.conf"], re.MULTILINE)[0]
    assert secrets["redis-url"] == f"redis://:{password}@127.0.0.1:6390/0"
    install(tmp_path)
    assert {path.name: path.read_text() for path in etc.iterdir()} == secrets, "a second run changes nothing"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """On a copy whose programs exist here; what it says of the units of this machine does not count."""
    install(tmp_path)
    units = tmp_path / "etc" / "systemd" / "system"
    for path in units.iterdir():
        text = path.read_text().replace("/opt/visionfleet/.venv/bin/python", sys.executable)
        path.write_text(text.replace("/usr/bin/redis-server", "/bin/true"))
    names = [str(path) for path in units.iterdir() if "@" not in path.name]
    instance = units / "visionfleet-worker@1.service"
    shutil.copy(units / "visionfleet-worker@.service", instance)
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names, str(instance)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert [line for line in done.stderr.splitlines() if "visionfleet" in line] == []
