"""``visionfleet stream``: cameras and videos through a model, and how all streams are."""

from __future__ import annotations

import json as codec
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from visionfleet import Client, StreamInfo, StreamResult
from visionfleet.cli import options
from visionfleet.cli.console import note, printable, row, say, table, write_json
from visionfleet.cli.exits import EPILOG, FAILED
from visionfleet.cli.live import keep_showing
from visionfleet.errors import InvalidRequest, NotFound

app = typer.Typer(help="Video streams: cameras and videos through a model.", no_args_is_help=True)

Id = Annotated[
    str, typer.Argument(metavar="ID", help="Id of a stream, as 'stream list' shows it; its beginning will do.")
]
SUMMARY_EVERY_S = 1.0
MQTT_PORT = 1883


@app.command("run", epilog=EPILOG)
def run(  # noqa: PLR0913 - one parameter per option
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="rtsp:// or http(s):// URL, path on the server, device number."),
    ],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model id.")] = None,
    workflow: Annotated[Path | None, typer.Option("--workflow", help="A workflow's definition as a JSON file.")] = None,
    *,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Lowest confidence reported.")] = None,
    max_fps: Annotated[float | None, typer.Option(min=0.01, help="Frames per second of each source at most.")] = None,
    tracking: Annotated[bool, typer.Option("--track", help="Give objects an id that lasts over frames.")] = False,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    show: Annotated[bool, typer.Option("--show", help="Open the annotated picture in the browser.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Have the server record annotated video.")] = False,
    udp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Send each result as a datagram.")] = None,
    mqtt: Annotated[
        str | None, typer.Option(metavar="mqtt://USER:PASSWORD@HOST/TOPIC", help="Send results to a broker.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Post a webhook when what is found changes.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the stream's id and leave it running.")] = False,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Run a model on video and follow it; Ctrl-C ends the stream, unless it is detached."""
    sinks = wanted_sinks(save=save, udp=udp, mqtt=mqtt, webhook=webhook)
    what: dict[str, Any] = {"model": model, "name": name, "max_fps": max_fps, "tracking": tracking, "sinks": sinks}
    if confidence is not None:
        what["params"] = {"confidence": confidence}
    if workflow is not None:
        what["workflow"] = definition(workflow)
    with Client(url) as client:
        made = client.streams.create([int(one) if one.isdigit() else one for one in sources], **what)
        picture = f"{client.url.rstrip('/')}/v1/streams/{made.id}/preview.mjpeg"
        if show:
            typer.launch(picture)
        if detach:
            write_json({"id": made.id, "preview": picture}) if json else say(made.id)
            return
        note(f"stream {made.id}; picture: {picture}")
        try:
            failed = follow(client, made.id, json=json)
        except KeyboardInterrupt:
            failed = False
            note("ending the stream")
        finally:
            end(client, made.id)
    if failed:
        raise typer.Exit(FAILED)


@app.command("list")
def list_streams(
    watch: Annotated[
        float, typer.Option("--watch", "-w", min=0, help="Show anew every so many seconds; 0 shows once.")
    ] = 0.0,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Show every source of every stream: rates, age of results, frames left out and why."""
    with Client(url, timeout=10) as client:
        if json:
            write_json([vars(one) for one in client.streams.list()])
            return
        keep_showing(lambda: streams_table(client.streams.list()), watch)


@app.command("status")
def status(stream: Id, url: options.Url = None) -> None:
    """Show all that is known of a stream, as JSON."""
    with Client(url, timeout=10) as client:
        write_json(vars(find(client, stream)))


@app.command("stop")
def stop(
    streams: Annotated[list[str], typer.Argument(metavar="ID...", help="Streams; 'all' ends every one.")],
    url: options.Url = None,
) -> None:
    """End and forget streams."""
    with Client(url, timeout=10) as client:
        found = client.streams.list() if streams == ["all"] else [find(client, one) for one in streams]
        for one in found:
            client.streams.terminate(one.id)
            say(f"{one.id} is over")


@app.command("pause")
def pause(stream: Id, url: options.Url = None) -> None:
    """Stop reading; cameras are closed."""
    with Client(url, timeout=10) as client:
        say(f"{client.streams.pause(find(client, stream).id).id} is paused")


@app.command("resume")
def resume(stream: Id, url: options.Url = None) -> None:
    """Go on."""
    with Client(url, timeout=10) as client:
        say(f"{client.streams.resume(find(client, stream).id).id} goes on")


def find(client: Client, beginning: str) -> StreamInfo:
    """The stream whose id begins so. Raises NotFound, and InvalidRequest when there are several."""
    found = [one for one in client.streams.list() if one.id.startswith(beginning)]
    if not found:
        raise NotFound(f"There is no stream {beginning!r}; 'visionfleet stream list' shows all.")
    if len(found) > 1:
        raise InvalidRequest(f"{len(found)} streams begin with {beginning!r}; write more of the id.")
    return found[0]


def follow(client: Client, stream_id: str, *, json: bool) -> bool:
    """Write results until the stream is over: all as lines of JSON, or a summary each second. True when it failed."""
    since, seen = time.monotonic(), list[StreamResult]()
    for result in client.streams.results(stream_id, failures=True):
        if json:
            write_json(result.raw, indent=None)
            continue
        seen.append(result)
        if time.monotonic() - since >= SUMMARY_EVERY_S:
            say(summary(seen, time.monotonic() - since))
            since, seen = time.monotonic(), []
    if seen:
        say(summary(seen, max(0.001, time.monotonic() - since)))
    return client.streams.get(stream_id).state == "failed"


def end(client: Client, stream_id: str) -> None:
    """Terminate it, if it is still there."""
    try:
        client.streams.terminate(stream_id)
    except NotFound:
        return


def summary(seen: list[StreamResult], seconds: float) -> str:
    """``12.0/s  age 38 ms  circle 12, square 11  left out: expired 1``."""
    good = [result for result in seen if not result.cause]
    parts = [f"{len(good) / seconds:.1f}/s"]
    if good:
        ages = sorted(result.age_ms for result in good)
        parts.append(f"age {ages[len(ages) // 2]:.0f} ms")
    found = Counter(str(one.get("class", "")) for result in good for one in result.predictions)
    if found:
        parts.append(", ".join(f"{printable(name)} {count}" for name, count in found.most_common(5)))
    lost = Counter(result.cause for result in seen if result.cause)
    if lost:
        parts.append("left out: " + ", ".join(f"{name} {count}" for name, count in lost.items()))
    return "  ".join(parts)


def streams_table(found: list[StreamInfo]) -> Any:
    """One row per source; ages are of results, from the arrival of their frames, over the last ten seconds."""
    names = ("stream", "source", "state", ">fps in/out", ">age ms p50/p95/p99", "left out")
    made = table("Streams" if found else "There are no streams", *names)
    for one in found:
        for index, source in enumerate(one.sources):
            age = "/".join(f"{source.age_ms[rank]:.0f}" for rank in ("p50", "p95", "p99") if rank in source.age_ms)
            lost = ", ".join(f"{name} {count}" for name, count in source.dropped.items())
            state = source.state if one.state == "running" else one.state
            shown = f"{state}: {source.error}" if source.error else state
            rates = f"{source.fps_in:.1f}/{source.fps_out:.1f}"
            row(made, f"{one.id[:8]} {one.name}" if index == 0 else "", source.reference, shown, rates, age, lost)
    return made


def wanted_sinks(*, save: bool, udp: str | None, mqtt: str | None, webhook: str | None) -> list[dict[str, Any]]:
    """The sinks that the options ask for. Raises InvalidRequest for addresses that are none."""
    sinks: list[dict[str, Any]] = []
    if save:
        sinks.append({"type": "video"})
    if udp is not None:
        host, _, port = udp.rpartition(":")
        if not host or not port.isdigit():
            raise InvalidRequest(f"--udp takes HOST:PORT, not {udp!r}.")
        sinks.append({"type": "udp", "host": host.strip("[]"), "port": int(port)})
    if mqtt is not None:
        sinks.append(broker(mqtt))
    if webhook is not None:
        sinks.append({"type": "webhook", "url": webhook})
    return sinks


def broker(address: str) -> dict[str, Any]:
    """``mqtt://user:password@host:1883/topic`` as a sink; ``mqtts://`` encrypts."""
    try:
        parts = urlsplit(address if "://" in address else f"mqtt://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("mqtt", "mqtts") or not host:
        raise InvalidRequest("--mqtt takes mqtt://USER:PASSWORD@HOST:PORT/TOPIC.")
    made: dict[str, Any] = {"type": "mqtt", "host": host, "tls": parts.scheme == "mqtts"}
    made["port"] = port or (8883 if made["tls"] else MQTT_PORT)
    if parts.path.strip("/"):
        made["topic"] = parts.path.strip("/")
    if parts.username:
        made |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return made


def definition(path: Path) -> dict[str, Any]:
    """A workflow from a file. Raises InvalidRequest when it is no JSON object."""
    try:
        value = codec.loads(path.read_text())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path} holds no workflow; it must be a JSON object.")
    return value.get("specification", value) if isinstance(value.get("specification", value), dict) else value
