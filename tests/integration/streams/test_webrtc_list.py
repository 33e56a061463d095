"""WebRTC sessions in the list of pipelines: seen, asked how they are, ended by their id."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

pytest.importorskip("aiortc", reason="WebRTC needs Python 3.11 or newer")

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tests.cameras.camera import Camera
from tests.integration.streams.calls import call
from tests.integration.streams.system import MODEL, System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


async def begun(http: aiohttp.ClientSession, peer: RTCPeerConnection, camera: Camera) -> None:
    """A session that shows a camera of the server to a client that only listens."""
    peer.createDataChannel("inference")
    await peer.setLocalDescription(await peer.createOffer())
    offer = {"type": "offer", "sdp": peer.localDescription.sdp}
    body = {"webrtc_offer": offer, "rtsp_url": camera.secret, "data_output": ["*"]}
    wanted = {**body, "workflow_configuration": {"type": "ModelConfiguration", **MODEL}}
    status, said = await call(http, "POST", "/initialise_webrtc_worker", wanted)
    assert status == 200, said
    await peer.setRemoteDescription(RTCSessionDescription(sdp=said["sdp"], type=said["type"]))


async def test_a_session_is_listed_told_about_and_ended(
    http: aiohttp.ClientSession, system: System, camera: Camera
) -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        await begun(http, peer, camera)
        sessions: list[dict[str, Any]] = []

        async def listed() -> bool:
            sessions[:] = (await call(http, "GET", "/v1/streams"))[1]["sessions"]
            return bool(sessions and sessions[0]["status"]["sources"]["camera"]["counts"].get("ok"))

        await system.until(listed, "the session in the list, with results", 60)
        (session,) = sessions
        assert (session["state"], session["spec"]["model"]["model_id"]) == ("running", MODEL["model_id"])
        assert "swordfish" not in str(session)
        assert session["id"] in (await call(http, "GET", "/inference_pipelines/list"))[1]["pipelines"]

        status, said = await call(http, "GET", f"/inference_pipelines/{session['id']}/status")
        assert status == 200
        (source,) = said["report"]["sources_metadata"]
        assert (source["state"], source["source_properties"]["width"]) == ("RUNNING", camera.size[0])
        assert (await call(http, "GET", f"/v1/streams/{session['id']}"))[1]["id"] == session["id"]
        assert (await call(http, "PATCH", f"/v1/streams/{session['id']}", {"max_fps": 1}))[0] == 404

        status, said = await call(http, "POST", f"/inference_pipelines/{session['id']}/terminate")
        assert (status, said["context"]["pipeline_id"]) == (200, session["id"])

        async def gone() -> bool:
            return not (await call(http, "GET", "/v1/streams"))[1]["sessions"]

        await system.until(gone, "the end of the session", 60)
        assert (await call(http, "DELETE", f"/v1/streams/{session['id']}"))[0] == 404
    finally:
        await peer.close()
        await asyncio.sleep(0)
