"""compose.yaml against the hardware profiles, .env.example and the settings that the services read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from deploy.local import config
from tests.architecture.tree import ROOT
from worker_service.engine.runtime.profile import load_profile

TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DEFAULT = re.compile(r"^\$\{\w+:-(.*)\}$")
PROFILES = ("cpu", "gpu", "jetson")
WORKERS = {"cpu": "worker", "gpu": "worker-gpu", "jetson": "worker-jetson"}


def default(value: str) -> str:
    """``${NAME:-default}`` as Compose reads it with no variable set."""
    found = DEFAULT.match(value)
    return found[1] if found else value


@pytest.mark.parametrize("profile", PROFILES)
def test_workers_are_built_as_their_profile_says(profile: str) -> None:
    built = SERVICES[WORKERS[profile]]["build"]["args"]
    wanted = load_profile(ROOT / "deploy" / "profiles" / f"{profile}.toml").build
    assert default(built["BASE_IMAGE"]) == wanted.base_image
    assert built["ONNXRUNTIME"] == wanted.onnxruntime
    assert tuple(built.get("PACKAGES", "").split()) == wanted.packages
    assert built.get("RUNTIME", "trimmed") == wanted.runtime
    assert built["PROFILE"] == profile


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_is_a_whole_system(profile: str) -> None:
    started = {name for name, service in SERVICES.items() if profile in service["profiles"]}
    background = {"cpu": "background"}.get(profile, f"background-{profile}")
    assert started == {"keys", "redis", "api", "gateway", WORKERS[profile], background}
    assert SERVICES[background]["environment"]["VISIONFLEET_PROFILE"] == profile
    for name in started:
        assert set(SERVICES[name].get("depends_on", {})) <= started


@pytest.mark.parametrize("name", [name for name in SERVICES if "observability" not in SERVICES[name]["profiles"]])
def test_containers_have_no_more_rights_than_they_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "keys":  # root without a network, to give the volumes to the user of the others, and then over
        assert service["network_mode"] == "none"
    elif name not in OURS:
        assert service["user"] == "10001:10001"


def test_images_are_not_of_root() -> None:
    text = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    targets = re.split(r"^FROM runtime AS ", text, flags=re.MULTILINE)[1:]
    assert len(targets) == 3
    for target in targets:
        assert "\nUSER 10001:10001\n" in target
        assert "\nHEALTHCHECK " in target
    assert "STOPSIGNAL SIGTERM" in text


def test_only_the_gateway_is_published_and_redis_has_no_way_out() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service and name in WHOLE] == ["gateway"]
    assert default(SERVICES["gateway"]["ports"][0].split(":${PORT")[0]) == "127.0.0.1"
    assert SERVICES["redis"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}


WHOLE = [name for name, service in SERVICES.items() if {*PROFILES, "streams"} & set(service["profiles"])]


@pytest.mark.parametrize("name", list(OURS))
def test_services_get_longer_to_drain_than_they_take(name: str) -> None:
    settings = {setting.variable: setting.default for setting in config.settings()}
    drain = float(settings["VISIONFLEET_DRAIN_TIMEOUT_S"]) if name != "streams" else 10.0
    assert float(OURS[name]["stop_grace_period"].removesuffix("s")) > drain


def variables() -> set[str]:
    """What the user may set: names in ``${...}``, and those that are passed on."""
    passed = {
        name for service in SERVICES.values() for name, value in service.get("environment", {}).items() if not value
    }
    return set(re.findall(r"\$\{(\w+)[:}?-]", TEXT)) | passed


def test_the_example_explains_every_variable_and_no_other() -> None:
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)) == variables()


def test_the_example_shows_the_defaults_of_compose() -> None:
    example = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for name, value in re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT):
        assert example[name] == value, name


def test_variables_that_are_passed_on_are_settings() -> None:
    known = {setting.variable for setting in config.settings()}
    given = {name for service in OURS.values() for name in service["environment"] if name.startswith("VISIONFLEET_")}
    assert {name.removesuffix("_FILE") for name in given} <= known | {"VISIONFLEET_REDIS_URL"}


def has_compose() -> bool:
    """Whether docker is here with its compose plugin; many machines have the one without the other."""
    if shutil.which("docker") is None:
        return False
    return (
        subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=50, check=False).returncode == 0
    )


@pytest.mark.parametrize("profile", [*PROFILES, "streams", "observability"])
def test_compose_accepts_each_profile(profile: str) -> None:
    if not has_compose():
        pytest.skip("docker has no compose here")
    command = ["docker", "compose", "--profile", profile, "config", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr.decode()
    shown = json.loads(done.stdout)["services"]
    assert set(shown) == {name for name, service in SERVICES.items() if profile in service["profiles"]}
    if profile == "gpu":
        (device,) = shown["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    if profile == "jetson":
        assert shown["worker-jetson"]["runtime"] == "nvidia"
