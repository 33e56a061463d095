"""``visionfleet workflows``: check, run, describe and draw workflow definitions, and save them on the server."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from visionfleet import Client
from visionfleet.cli import options
from visionfleet.cli.console import out as console
from visionfleet.cli.console import row, say, table, write_json
from visionfleet.cli.exits import EPILOG
from visionfleet.cli.graph import png, svg
from visionfleet.errors import InvalidRequest, NotInstalled

app = typer.Typer(help="Workflows: blocks connected to a graph.", no_args_is_help=True)
Definition = Annotated[str, typer.Argument(metavar="DEFINITION", help="A JSON or YAML file, or a saved workflow's id.")]
Images = Annotated[
    list[str] | None, typer.Option("--image", "-i", help="[NAME=]FILE or URL; several of one name make a batch.")
]
Parameters = Annotated[list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE; JSON or text.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where to write the drawing (.svg or .png).")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A JSON or YAML file.", exists=True, dir_okay=False)]


@app.command("validate", epilog=EPILOG)
def validate(file: File, url: options.Url = None) -> None:
    """Check a definition; exit code 1 says what is wrong and where."""
    with Client(url) as client:
        client.workflows.validate(read(file))
    say("The definition is valid.")


@app.command("run", epilog=EPILOG)
def run(
    definition: Definition,
    image: Images = None,
    parameter: Parameters = None,
    *,
    disable_sinks: Annotated[bool, typer.Option("--disable-sinks", help="Let sinks do nothing.")] = False,
    trace: Annotated[Path | None, typer.Option(help="Write a trace for Chrome or Perfetto here.")] = None,
    url: options.Url = None,
) -> None:
    """Run a workflow and print its outputs as JSON."""
    workflow = chosen(definition)
    images: dict[str, list[Any]] = {}
    for given in image or []:
        name, value = named(given, "image")
        images.setdefault(name, []).append(value)
    parameters = dict(parsed(given) for given in parameter or [])
    with Client(url) as client:
        answer = client.workflows.run(
            workflow,
            {name: found[0] if len(found) == 1 else found for name, found in images.items()},
            parameters,
            disable_sinks=disable_sinks,
            profile=trace is not None,
        )
    if trace is not None:
        trace.write_text(json_module.dumps({"traceEvents": answer.get("profiler_trace", [])}))
    write_json(answer["outputs"])


@app.command("describe", epilog=EPILOG)
def describe(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A definition; without one all blocks.")] = None,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Show the kinds of a definition's inputs and outputs, or list all blocks of the server."""
    with Client(url) as client:
        found: Any = client.workflows.blocks() if file is None else client.workflows.interface(read(file))
    if json:
        write_json(found)
        return
    if file is not None:
        shown = table("Interface", "", "name", "kinds")
        for part in ("inputs", "outputs"):
            for name, names in found[part].items():
                row(shown, part.removesuffix("s"), name, _words(names))
    else:
        shown = table("Blocks", "identifier", "what it does")
        for block in found:
            row(shown, block["manifest_type_identifier"], block["block_schema"]["short_description"])
    console.print(shown)


@app.command("graph", epilog=EPILOG)
def graph(
    file: File,
    output: Output = Path("workflow.svg"),
) -> None:
    """Draw a definition's graph as SVG or PNG; needs no server."""
    kind = output.suffix.lower()
    if kind not in (".svg", ".png"):
        raise InvalidRequest(f"The drawing is SVG or PNG; the file name ends with .svg or .png, not {output.suffix!r}.")
    definition = read(file)
    output.write_bytes(png(definition) if kind == ".png" else svg(definition).encode())
    say(f"Wrote {output}.")


@app.command("save", epilog=EPILOG)
def save(
    workflow_id: Annotated[str, typer.Argument(metavar="ID")],
    file: File,
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    url: options.Url = None,
) -> None:
    """Save a definition on the server, as the next version of that id."""
    with Client(url) as client:
        saved = client.workflows.save(workflow_id, read(file), name)
    say(f"Saved {saved['id']}, version {saved['version']}.")


@app.command("list", epilog=EPILOG)
def list_workflows(url: options.Url = None, json: options.Json = False) -> None:
    """List saved workflows."""
    with Client(url) as client:
        found = client.workflows.list()
    if json:
        write_json(found)
        return
    shown = table("Workflows", "id", "name", ">version", "created")
    for one in found:
        row(shown, one["id"], one["name"], one["version"], (one["created"] or "")[:19])
    console.print(shown)


def chosen(definition: str) -> dict[str, Any] | str:
    """The definition in the file of that name, or the id of a saved workflow. Raises InvalidRequest."""
    return read(Path(definition)) if Path(definition).is_file() else definition


def read(file: Path) -> dict[str, Any]:
    """The definition in a file. Raises InvalidRequest."""
    text = file.read_text()
    try:
        found: Any = json_module.loads(text)
    except ValueError:
        found = _yaml(text, file)
    if not isinstance(found, dict):
        raise InvalidRequest(f"{file} holds no definition: an object with inputs, steps and outputs.")
    return found


def _yaml(text: str, file: Path) -> Any:
    try:
        import yaml  # noqa: PLC0415 - JSON needs no further package
    except ImportError as error:
        raise NotInstalled(f"{file} is no JSON, and YAML needs a package: pip install pyyaml.") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidRequest(f"{file} is neither JSON nor YAML: {error}") from error


def named(given: str, default: str) -> tuple[str, str]:
    """NAME=VALUE, or a value under the default name."""
    name, separator, value = given.partition("=")
    return (name, value) if separator and name.replace("_", "a").isalnum() else (default, given)


def parsed(given: str) -> tuple[str, Any]:
    """NAME=VALUE with the value as JSON, or as text where it is none. Raises InvalidRequest."""
    name, separator, value = given.partition("=")
    if not separator:
        raise InvalidRequest(f"A parameter is NAME=VALUE, not {given!r}.")
    try:
        return name, json_module.loads(value)
    except ValueError:
        return name, value


def _words(names: Any) -> str:
    if isinstance(names, dict):
        return "; ".join(f"{name}: {', '.join(found)}" for name, found in names.items())
    return ", ".join(names)
