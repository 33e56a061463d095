"""Streams over HTTP: created with a typed error or a probe, followed, looked at, changed."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import aiohttp
import pytest

from tests.cameras.camera import Camera
from tests.integration.streams.calls import call
from tests.integration.streams.system import ROOT, System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
MODEL = {"model_id": "shapes-detector", "params": {"confidence": 0.4}}


async def made(http: aiohttp.ClientSession, reference: str) -> str:
    status, stream = await call(http, "POST", "/v1/streams", {"sources": [{"reference": reference}], "model": MODEL})
    assert status == 201, stream
    return str(stream["id"])


async def test_what_cannot_be_opened_is_no_stream(http: aiohttp.ClientSession, camera: Camera) -> None:
    wanted = (
        (camera.path("nothing"), MODEL, 400, "source_not_found"),
        (camera.path("secret", "camera:wrong"), MODEL, 400, "source_unauthorized"),
        ("/etc/passwd", MODEL, 400, "source_refused"),
        (camera.url, {"model_id": "nobody-has-it"}, 404, "model_not_found"),
    )
    for reference, model, status, code in wanted:
        answer = await call(http, "POST", "/v1/streams", {"sources": [{"reference": reference}], "model": model})
        assert (answer[0], answer[1].get("code")) == (status, code), answer
    assert (await call(http, "POST", "/v1/streams", {"sources": [], "model": MODEL}))[0] == 422
    assert (await call(http, "GET", "/v1/streams"))[1]["streams"] == []


async def test_the_request_is_named_in_the_lines_of_both_services(
    http: aiohttp.ClientSession, processes: System
) -> None:
    request_id = uuid.uuid4().hex
    film = {"sources": [{"reference": str(ROOT / "examples" / "images")}], "model": MODEL}
    async with http.post("/v1/streams", json=film, headers={"X-Request-ID": request_id}) as answer:
        assert answer.status == 201, await answer.text()
        stream = (await answer.json())["id"]

    async def told() -> bool:
        lines = [
            line for log in processes.folder.glob("*.log") for line in log.read_text(errors="replace").splitlines()
        ]
        named = [line for line in lines if request_id in line and stream in line]
        return all(any(event in line for line in named) for event in ("stream.submitted", "stream.taken_up"))

    await processes.until(told, "the lines of API and stream service")


async def test_a_stream_is_followed_and_seen(http: aiohttp.ClientSession, camera: Camera) -> None:
    stream = await made(http, camera.secret)
    shown = json.dumps((await call(http, "GET", f"/v1/streams/{stream}"))[1])
    assert "***@127.0.0.1" in shown
    assert "swordfish" not in shown
    async with http.get(f"/v1/streams/{stream}/results") as events:
        assert events.content_type == "text/event-stream"
        numbers = []
        async for line in events.content:
            if line.startswith(b"data:"):
                numbers.append(json.loads(line[5:])["sequence"])
            if len(numbers) == 5:
                break
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    async with http.ws_connect(f"/v1/streams/{stream}/ws") as socket:
        first, second = [json.loads((await socket.receive()).data) for _ in range(2)]
    assert second["sequence"] == first["sequence"] + 1
    assert {row["class"] for row in first["output"]["predictions"]} <= {"circle", "square", "triangle"}
    async with http.get(f"/v1/streams/{stream}/snapshot.jpg") as picture:
        assert picture.content_type == "image/jpeg"
        assert (await picture.read()).startswith(b"\xff\xd8")
    async with http.get(f"/v1/streams/{stream}/preview.mjpeg?fps=20") as film:
        assert film.content_type == "multipart/x-mixed-replace"
        seen = 0
        async for line in film.content:
            seen += line.startswith(b"--frame")
            if seen == 3:
                break
    assert (await call(http, "DELETE", f"/v1/streams/{stream}"))[0] == 204
    assert (await call(http, "GET", f"/v1/streams/{stream}"))[0] == 404


async def test_a_running_stream_is_changed(http: aiohttp.ClientSession, system: System, camera: Camera) -> None:
    stream = await made(http, camera.secret)
    path = f"/v1/streams/{stream}"
    status, added = await call(http, "POST", f"{path}/sources", {"reference": camera.path("cam/4")})
    assert (status, [one["id"] for one in added["spec"]["sources"]]) == (200, ["0", "1"])
    await system.flowing(stream, name="1")
    async with http.get("/metrics") as scraped:
        text = await scraped.text()
    assert f'visionfleet_stream_frames_total{{outcome="ok",source="1",stream="{stream}"}}' in text
    assert "age_histogram" not in json.dumps((await call(http, "GET", path))[1])
    refused = await call(http, "POST", f"{path}/sources", {"reference": camera.path("nothing")})
    assert (refused[0], refused[1]["code"]) == (400, "source_not_found")
    # What was shown is sent back: the password stays.
    shown = (await call(http, "GET", path))[1]["spec"]["sources"]
    status, changed = await call(http, "PATCH", path, {"sources": shown[:1], "params": {"confidence": 0.99}})
    assert (status, len(changed["spec"]["sources"])) == (200, 1)
    stored = (await system.store.get(stream)).spec
    assert stored.sources[0].reference == camera.secret
    assert stored.model is not None
    assert stored.model.params == {"confidence": 0.99}
    await system.flowing(stream)
    assert (await call(http, "DELETE", f"{path}/sources/0"))[0] == 422  # the last one stays
    assert (await call(http, "PATCH", path, {"window": 0}))[0] == 422
    for command in ("pause", "pause", "resume", "mute", "resume", "restart"):
        assert (await call(http, "POST", f"{path}/{command}"))[0] == 200
    await system.flowing(stream)


def counting(output: str) -> dict[str, Any]:
    """A workflow with a block of a plug-in."""
    step = {"type": "streams_test/frame_counter@v1", "name": "count", "image": "$inputs.image"}
    return {
        "version": "1.0",
        "inputs": [{"type": "WorkflowImage", "name": "image"}],
        "steps": [step],
        "outputs": [{"type": "JsonField", "name": output, "selector": "$steps.count.frames"}],
    }


async def test_a_saved_workflow_with_a_plugins_block_runs_as_it_was_when_the_stream_was_made(
    http: aiohttp.ClientSession, system: System, camera: Camera
) -> None:
    path = "/v1/workflows/counting"
    assert (await call(http, "PUT", path, {"definition": counting("one")}))[0] == 201
    sources = [{"reference": camera.url}]
    wanted = {"sources": sources, "workflow": {"workspace_name": "local", "workflow_id": "counting"}}
    status, stream = await call(http, "POST", "/v1/streams", wanted)
    assert status == 201, stream
    assert stream["spec"]["workflow"]["workflow_version_id"] == "1"
    first, second = [await system.consumed(stream["id"]) for _ in range(2)]
    assert (list(first["output"]), second["output"]["one"]) == (["one"], first["output"]["one"] + 1)

    # The next version is for new streams, and for this one only when it is asked for.
    assert (await call(http, "PUT", path, {"definition": counting("two")}))[0] == 201
    await call(http, "POST", f"/v1/streams/{stream['id']}/restart")
    await system.until_stream(stream["id"], lambda one: one.restarts == 1, "restarted")
    await system.flowing(stream["id"])
    shown = (await call(http, "GET", f"/v1/streams/{stream['id']}"))[1]["spec"]["workflow"]
    assert shown["specification"] == counting("one")
    status, changed = await call(
        http, "PATCH", f"/v1/streams/{stream['id']}", {"workflow": {**shown, "workflow_version_id": "2"}}
    )
    assert (status, changed["spec"]["workflow"]["specification"]) == (200, counting("two"))

    async def renamed() -> bool:
        return "two" in (await system.consumed(stream["id"]))["output"]

    await system.until(renamed, "results of the second version")
    for workflow in ({"workflow_id": "nobody-saved-it"}, {"workspace_name": "elsewhere", "workflow_id": "counting"}):
        status, error = await call(http, "POST", "/v1/streams", {"sources": sources, "workflow": workflow})
        assert (status, workflow["workflow_id"] in error["detail"] or "workspace" in error["detail"]) == (404, True)
    initialise = {
        "video_configuration": {"type": "VideoConfiguration", "video_reference": camera.url},
        "processing_configuration": {
            "type": "WorkflowConfiguration",
            "workspace_name": "local",
            "workflow_id": "counting",
        },
    }
    status, pipeline = await call(http, "POST", "/inference_pipelines/initialise", initialise)
    assert status == 200, pipeline
    assert "two" in (await system.consumed(pipeline["context"]["pipeline_id"]))["output"]


async def test_a_client_that_never_reads_holds_up_nothing(
    http: aiohttp.ClientSession, system: System, camera: Camera
) -> None:
    stream = await made(http, camera.url)
    async with http.get(f"/v1/streams/{stream}/results"), http.get(f"/v1/streams/{stream}/preview.mjpeg"):
        await system.flowing(stream, 80)  # nobody consumes the buffer of 64 either
        source = await system.source(stream)
        assert source["in_flight"] <= 2
        assert source["age_ms"]["p50"] < 2_000
    buffered = 0
    while (await call(http, "POST", f"/v1/streams/{stream}/consume"))[1]["result"]:
        buffered += 1
        assert buffered < 200
    assert buffered >= 64
    await asyncio.sleep(0)
