"""``visionfleet batches`` against a fake server: which source a command line names, and what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from visionfleet.cli.app import app
from visionfleet.cli.batches import source_of
from visionfleet.errors import InvalidImage, InvalidRequest

from tests.unit.client.fake_server import Answer, FakeServer

BATCH: dict[str, Any] = {"id": "b1", "state": "running", "model": "shapes", "source": "urls", "total": 2, "done": 1}
BATCH |= {"failed": 0, "rate": 2.0, "eta": 3.0, "created": "2026-11-26T01:02:03.000+00:00", "error": None}
DONE = {**BATCH, "state": "succeeded", "done": 2, "eta": None}
LINES = [{"number": number, "index": number - 1, "source": None, "output": None, "error": None} for number in (1, 2, 3)]


def batches(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["batches", *(str(argument) for argument in arguments)], input=stdin)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, server: FakeServer) -> None:
    monkeypatch.setenv("VISIONFLEET_URL", server.url)


def test_which_source_is_meant(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png", "notes.txt", "all.ZIP", "clip.mp4"):
        (tmp_path / name).write_text("x")
    inside = str(tmp_path)
    assert source_of([inside], None, None, None) == {"files": [tmp_path / "a.jpg", tmp_path / "b.png"]}
    assert source_of([f"{inside}/b.png", inside], None, None, None)["files"][0] == tmp_path / "b.png"
    assert source_of([f"{inside}/all.ZIP"], None, None, None) == {"zip": f"{inside}/all.ZIP"}
    assert source_of([f"{inside}/clip.mp4"], None, None, None) == {"video": f"{inside}/clip.mp4"}
    assert source_of(["https://a/b.jpg", "http://c/d"], None, None, None)["urls"] == ["https://a/b.jpg", "http://c/d"]
    assert source_of([], None, "/data", None) == {"server_folder": "/data"}
    assert source_of([], None, None, "/data/a.mp4") == {"server_video": "/data/a.mp4"}


@pytest.mark.parametrize("mixed", [["a.zip", "b.jpg"], ["a.mp4", "b.mp4"], ["https://a/b.jpg", "c.jpg"]])
def test_what_cannot_be_mixed(mixed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in mixed:
        if "/" not in name:
            Path(name).write_text("x")
    with pytest.raises(InvalidRequest, match="mixed"):
        source_of(mixed, None, None, None)


def test_one_source_and_no_more() -> None:
    for wrong in ((["a.jpg"], Path("urls"), None, None), ([], None, "/a", "/b"), ([], None, None, None)):
        with pytest.raises(InvalidRequest, match="Give"):
            source_of(*wrong)
    with pytest.raises(InvalidImage, match="no file or folder"):
        source_of(["/no/such.jpg"], None, None, None)


def test_urls_from_a_file_or_stdin(server: FakeServer, tmp_path: Path) -> None:
    server.answer("/v1/batches", Answer(BATCH, 202))
    (tmp_path / "urls").write_text("# mine\nhttps://a/b.jpg\n\n https://c/d.jpg \n")
    assert batches("submit", "--urls", tmp_path / "urls", "-m", "shapes").exit_code == 0
    assert batches("submit", "--urls", "-", "-m", "shapes", stdin="https://e/f.jpg\n").exit_code == 0
    first, second = (asked.json for asked in server.to("/v1/batches"))
    assert first["urls"] == ["https://a/b.jpg", "https://c/d.jpg"]
    assert second["urls"] == ["https://e/f.jpg"]
    for text in ("", "a.jpg\n"):
        assert batches("submit", "--urls", "-", "-m", "shapes", stdin=text).exit_code == 1


def test_terms_reach_the_server(server: FakeServer) -> None:
    server.answer("/v1/batches", Answer(BATCH, 202))
    options = ("--keep", 3600, "--metadata", "who=me", "--metadata", "a=b=c", "--hardware", "cpu", "--confidence", 0.5)
    shown = batches("submit", "https://a/b.jpg", "-m", "shapes", *options, "--json")
    assert json.loads(shown.stdout)["id"] == "b1"
    asked = server.to("/v1/batches")[0].json
    assert (asked["result_ttl"], asked["metadata"], asked["hardware"]) == (3600, {"who": "me", "a": "b=c"}, "cpu")
    assert asked["params"] == {"confidence": 0.5}
    assert batches("submit", "https://a/b.jpg", "-m", "shapes", "--metadata", "who").exit_code == 1


def test_a_workflow_instead_of_a_model(server: FakeServer, tmp_path: Path) -> None:
    server.answer("/v1/batches", Answer(BATCH, 202))
    definition = tmp_path / "d.yaml"
    definition.write_text("version: '1.0'\ninputs: []\nsteps: []\noutputs: []\n")
    options = ("-p", "most=2", "-p", "word=a b", "--image-input", "photo", "--disable-sinks")
    assert batches("submit", "https://a/b.jpg", "--workflow", definition, *options).exit_code == 0
    assert batches("submit", "https://a/b.jpg", "-w", "saved").exit_code == 0
    first, second = (asked.json for asked in server.to("/v1/batches"))
    assert "model" not in first
    assert first["workflow"] == {
        "specification": {"version": "1.0", "inputs": [], "steps": [], "outputs": []},
        "inputs": {"most": 2, "word": "a b"},
        "image": "photo",
        "disable_sinks": True,
    }
    assert second["workflow"]["id"] == "saved"
    for wrong in ((), ("-m", "shapes", "-w", "saved")):
        refused = batches("submit", "https://a/b.jpg", *wrong)
        assert isinstance(refused.exception, InvalidRequest) or "a model or a workflow" in refused.stderr


def test_status_follows_to_the_end(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visionfleet.cli.gathering.POLL_S", 0.01)
    server.answer("/v1/batches/b1", Answer(BATCH), Answer(BATCH), Answer(DONE))
    assert "1 of 2 done, 0 failed" in batches("status", "b1").stdout
    followed = batches("status", "b1", "--follow", "--json")
    assert (followed.exit_code, json.loads(followed.stdout)["state"]) == (0, "succeeded")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"failed": 1}, ""),
        ({"state": "canceled"}, ""),
        ({"state": "failed", "error": {"code": "zip_refused", "message": "A bomb."}}, "A bomb. (zip_refused)"),
    ],
)
def test_what_failed_is_exit_code_1(server: FakeServer, change: dict, words: str) -> None:
    server.answer("/v1/batches/b1", Answer({**DONE, **change}))
    shown = batches("status", "b1")
    assert shown.exit_code == 1
    assert words in shown.stderr


def test_results_to_a_file_and_on(server: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "found.ndjson"
    server.answer("/v1/batches/b1", Answer(DONE))
    server.answer("/v1/batches/b1/results", Answer(ndjson(LINES[:2])), Answer(ndjson(LINES[2:])))
    assert batches("results", "b1", "--out", file).exit_code == 0
    with file.open("a") as opened:
        opened.write('{"number": 3')
    assert batches("results", "b1", "--out", file, "--resume", "--follow").exit_code == 0
    assert [json.loads(line)["number"] for line in file.read_text().splitlines()] == [1, 2, 3]
    assert server.to("/v1/batches/b1/results")[1].query == {"after": "2", "follow": "true"}
    assert batches("results", "b1", "--resume").exit_code == 1
    file.write_text("something else\n")
    assert "holds no results" in batches("results", "b1", "--out", file, "--resume").stderr


def test_list_and_cancel(server: FakeServer) -> None:
    server.answer("/v1/batches", Answer({"batches": [BATCH, DONE], "next": None}))
    assert batches("list").stdout.split().count("shapes") == 2
    assert len(json.loads(batches("list", "--json").stdout)) == 2
    server.answer("/v1/batches/b1/cancel", Answer({**BATCH, "state": "canceled"}))
    assert batches("cancel", "b1").stdout == "b1 canceled\n"


def test_an_unknown_batch_is_exit_code_4(server: FakeServer) -> None:
    server.answer("/v1/batches/b9", Answer({"detail": "None.", "code": "batch_not_found"}, 404))
    assert batches("status", "b9").exit_code == 4


def ndjson(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
