"""inference-sdk: the server and its models."""

from __future__ import annotations

import pytest
import requests

from tests.sdk.environments import CallFailed, Sdk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def ids(registry: dict[str, list[dict[str, str]]]) -> set[str]:
    return {model["model_id"] for model in registry["models"]}


@pytest.mark.parametrize("suffix", ["", "_async"])
def test_server_info(sdk: Sdk, suffix: str) -> None:
    if suffix and sdk.version != "1.8.3":
        assert sdk.call("get_server_info")["name"] == "Visionfleet"
        return
    assert set(sdk.call("get_server_info")) == {"name", "version", "uuid"}


@pytest.mark.parametrize("suffix", ["", "_async"])
def test_load_list_describe_unload(sdk: Sdk, suffix: str) -> None:
    sdk.call("unload_all_models" + suffix)
    assert ids(sdk.call("list_loaded_models" + suffix)) == set()
    loaded = sdk.call("load_model" + suffix, "tiny-boxes/1")
    assert "tiny-boxes/1" in ids(loaded)
    described = sdk.call("get_model_description" + suffix, "tiny-boxes/1")
    assert (described["model_id"], described["task_type"]) == ("tiny-boxes/1", "object-detection")
    assert (described["input_width"], described["input_height"]) == (64, 64)
    assert "tiny-boxes" not in ids(sdk.call("unload_model" + suffix, "tiny-boxes/1"))


def test_a_description_loads_the_model(sdk: Sdk) -> None:
    sdk.call("unload_all_models")
    assert sdk.call("get_model_description", "tiny-masks/1")["task_type"] == "instance-segmentation"
    assert "tiny-masks/1" in ids(sdk.call("list_loaded_models"))


def test_every_replica_has_the_same_registry(sdk: Sdk, server: str) -> None:
    """Each new connection may reach the other API process."""
    sdk.call("load_model", "tiny-boxes/1")
    seen = [requests.get(f"{server}/model/registry", timeout=10).json() for _ in range(8)]
    assert all("tiny-boxes/1" in ids(registry) for registry in seen)
    sdk.call("unload_model", "tiny-boxes/1")
    seen = [requests.get(f"{server}/model/registry", timeout=10).json() for _ in range(8)]
    assert not any(ids(registry) & {"tiny-boxes", "tiny-boxes/1"} for registry in seen)


def test_unknown_models(sdk: Sdk) -> None:
    with pytest.raises(CallFailed) as caught:
        sdk.call("load_model", "nobody/1")
    assert (caught.value.kind, caught.value.status) == ("HTTPCallErrorError", 404)
    assert "nobody/1" in caught.value.message
