"""Other servers' names for our settings, and what is said of a value that does not fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from api_service.settings import ApiSettings
from deploy.local.config import settings
from shared.batches.settings import UrlSettings
from shared.fetch.settings import FetchSettings
from shared.settings import LogSettings, read
from shared.workflows.settings import WorkflowSettings
from worker_service.engine.runtime.profile import BadProfile, load_profile
from worker_service.settings import EngineSettings

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("cls", "variable", "given", "field", "value"),
    [
        (EngineSettings, "MAX_ACTIVE_MODELS", "3", "max_active_models", 3),
        (EngineSettings, "PRELOAD_MODELS", "a/1, b/2", "preload_models", ("a/1", "b/2")),
        (EngineSettings, "PINNED_MODELS", "a/1", "pinned_models", ("a/1",)),
        (EngineSettings, "MAX_BATCH_SIZE", "inf", "max_batch", 0),
        (EngineSettings, "ONNXRUNTIME_EXECUTION_PROVIDERS", "[A,B]", "execution_providers", ("A", "B")),
        (EngineSettings, "REQUIRED_ONNX_PROVIDERS", "A", "required_providers", ("A",)),
        (ApiSettings, "PORT", "9005", "port", 9005),
        (ApiSettings, "NUM_WORKERS", "2", "processes", 2),
        (ApiSettings, "API_LOGGING_ENABLED", "False", "access_log", False),
        (ApiSettings, "CORE_MODELS_ENABLED", "False", "core_models", False),
        (ApiSettings, "LEGACY_ROUTE_ENABLED", "False", "legacy_routes", False),
        (ApiSettings, "ALLOW_ORIGINS", "https://a.example", "cors_origins", ("https://a.example",)),
        (UrlSettings, "ALLOW_URL_INPUT", "False", "url_input", False),
        (UrlSettings, "ALLOW_NON_HTTPS_URL_INPUT", "True", "url_allow_http", True),
        (UrlSettings, "ALLOW_URL_TO_NON_GLOBAL_ADDRESSES", "True", "url_allow_private", True),
        (UrlSettings, "MAX_IMAGE_URL_REDIRECTS", "30", "url_max_redirects", 30),
        (FetchSettings, "API_BASE_URL", "https://r.example", "roboflow_api_url", "https://r.example"),
        (WorkflowSettings, "WORKFLOWS_MAX_CONCURRENT_STEPS", "4", "workflow_concurrent_steps", 4),
        (WorkflowSettings, "WORKFLOWS_PLUGINS", "a.b,c", "workflow_plugins", ("a.b", "c")),
        (WorkflowSettings, "ALLOW_CUSTOM_PYTHON_EXECUTION_IN_WORKFLOWS", "True", "workflow_python", True),
        (LogSettings, "LOG_LEVEL", "WARNING", "log_level", "warning"),
    ],
)
def test_roboflows_names(
    monkeypatch: pytest.MonkeyPatch, cls: type[BaseSettings], variable: str, given: str, field: str, value: object
) -> None:
    monkeypatch.setenv(variable, given)
    assert getattr(cls(), field) == value


def test_our_own_name_goes_first_and_config_tells_which_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ACTIVE_MODELS", "3")
    found = {one.variable: one for one in settings()}["VISIONFLEET_MAX_ACTIVE_MODELS"]
    assert (found.value, found.source, found.given_as) == ("3", "env", "MAX_ACTIVE_MODELS")
    monkeypatch.setenv("VISIONFLEET_MAX_ACTIVE_MODELS", "5")
    assert EngineSettings().max_active_models == 5
    found = {one.variable: one for one in settings()}["VISIONFLEET_MAX_ACTIVE_MODELS"]
    assert (found.value, found.given_as) == ("5", "VISIONFLEET_MAX_ACTIVE_MODELS")
    monkeypatch.delenv("VISIONFLEET_MAX_ACTIVE_MODELS")
    monkeypatch.setenv("MAX_ACTIVE_MODELS", "many")
    found = {one.variable: one for one in settings()}["VISIONFLEET_MAX_ACTIVE_MODELS"]
    assert found.problem.startswith("MAX_ACTIVE_MODELS: Input should be a valid integer")


def test_a_value_that_does_not_fit_is_told_by_the_name_that_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUM_WORKERS", "lots")
    monkeypatch.setenv("VISIONFLEET_MAX_IMAGES", "0")
    monkeypatch.setenv("VISIONFLEET_ADMIN_KEY", "hunter2")
    with pytest.raises(SystemExit) as ended:
        read(ApiSettings)
    lines = str(ended.value).splitlines()
    assert lines[0] == "The settings cannot be used:"
    assert sorted(line.split(":")[0] for line in lines[1:]) == [
        "NUM_WORKERS",
        "VISIONFLEET_ADMIN_KEY",
        "VISIONFLEET_MAX_IMAGES",
    ]
    assert "hunter2" not in str(ended.value)
    monkeypatch.setenv("VISIONFLEET_IMAGE_FOLDERS", "no json")
    with pytest.raises(SystemExit, match="VISIONFLEET_IMAGE_FOLDERS: this is no JSON"):
        read(ApiSettings)


@pytest.mark.parametrize("service", ["api_service", "worker_service", "stream_service", "deploy.local"])
def test_no_process_starts_with_a_wrong_value(service: str) -> None:
    variable = {"worker_service": "MAX_ACTIVE_MODELS", "stream_service": "LOG_LEVEL"}.get(service, "PORT")
    done = subprocess.run(
        [sys.executable, "-m", service],
        cwd=ROOT,
        env={**os.environ, variable: "wrong"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.removeprefix("error: ").startswith(f"{variable}: ")]
    assert "Traceback" not in done.stderr


def test_providers_in_place_of_the_profiles() -> None:
    profile = load_profile(ROOT / "deploy" / "profiles" / "gpu.toml")
    assert profile.with_providers((), ()) == profile
    names = ("CUDAExecutionProvider", "CPUExecutionProvider", "OpenVINOExecutionProvider")
    chosen = profile.with_providers(names[::-1], ())
    assert [provider.name for provider in chosen.providers] == list(names[::-1])
    assert chosen.providers[2].options == profile.providers[0].options, "its options hold"
    chosen.check([])
    with pytest.raises(BadProfile, match="OpenVINO"):
        profile.with_providers(names, names[2:]).check(["CPUExecutionProvider"])
