"""docs/workflows/blocks/, made from the blocks. Renew: ``python -m tests.architecture.block_pages``."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from shared.workflows.block import Block
from shared.workflows.catalog import core, unique
from shared.workflows.fields import Slot, alternatives_of
from tests.architecture.block_examples import definition
from tests.architecture.tree import ROOT

FOLDER = ROOT / "docs" / "workflows" / "blocks"
INDEX = "index.md"
NOT_HERE = ROOT / "docs" / "workflows" / "not-here.yaml"
COMPILED = frozenset({"roboflow_core/inner_workflow@v1"})
"""Types of steps that the compiler replaces before it looks for blocks."""
TABLE = ROOT / "tests" / "golden" / "workflow_blocks.json"
TITLES = {"classical_cv": "Classical computer vision", "flow_control": "Flow control"}
WORDS = {int: "integer", float: "number", str: "text", bool: "true or false", list: "list", dict: "object"}

INDEX_HEAD = """# Workflow blocks

{built} of the {all} blocks that existing definitions may use are here. Pages are made from the code by
`python -m tests.architecture.block_pages`; each block shows a definition that runs:

```bash
curl -s localhost:9001/workflows/run -H 'Content-Type: application/json' --data-binary @- <<EOF
{{"specification": $(cat definition.json),
 "inputs": {{"image": {{"type": "base64", "value": "$(base64 < examples/images/scene.jpg | tr -d '\\n')"}}}}}}
EOF
```

Models called `my-...` in examples stand for your own.
"""


def not_here() -> dict[str, list[str]]:
    """Identifiers that have no block, by reason."""
    found: dict[str, list[str]] = yaml.safe_load(NOT_HERE.read_text())
    return found


def blocks() -> dict[str, list[type[Block]]]:
    """Blocks by the folder that they are in."""
    found: dict[str, list[type[Block]]] = {}
    for block in unique(core()):
        found.setdefault(block.__module__.split(".")[-2], []).append(block)
    return dict(sorted(found.items()))


def pages() -> dict[str, str]:
    """Every page by its file name."""
    by_folder = blocks()
    made = {f"{folder}.md": page(folder, found) for folder, found in by_folder.items()}
    made[INDEX] = index(by_folder)
    return made


def index(by_folder: dict[str, list[type[Block]]]) -> str:
    table: dict[str, dict[str, Any]] = json.loads(TABLE.read_text())
    here = {block.ids[0] for found in by_folder.values() for block in found}
    parts = [INDEX_HEAD.format(built=len((here | COMPILED) & set(table)), all=len(table))]
    for folder, found in by_folder.items():
        rows = [
            f"| [{block.label}]({folder}.md#{anchor(block)}) | `{block.ids[0]}` | {block.summary} |" for block in found
        ]
        parts += [f"## {title(folder)}", "", "| Block | Identifier | What it does |", "|---|---|---|", *rows, ""]
    parts += [
        "## Built into the compiler",
        "",
        *[f"`{name}`: its steps become steps of the definition around it." for name in sorted(COMPILED)],
        "",
        "## Not here",
        "",
        "A definition that uses one of these is refused when it is compiled, with the step's name.",
        "",
    ]
    for reason, names in not_here().items():
        parts += [f"{reason}:", "", *[f"- `{name}`" for name in sorted(names)], ""]
    return "\n".join(parts)


def title(folder: str) -> str:
    return TITLES.get(folder, folder.replace("_", " ").capitalize())


def anchor(block: type[Block]) -> str:
    return block.ids[0].split("/")[-1].replace("@", "-").replace(".", "-").lower()


def page(folder: str, found: list[type[Block]]) -> str:
    head = f"# {title(folder)}\n\nMade from the code; see [all blocks]({INDEX}).\n"
    return "\n".join([head, *(section(block) for block in found)])


def section(block: type[Block]) -> str:
    names = ", ".join(f"`{name}`" for name in block.ids)
    parts = [
        f'## <a id="{anchor(block)}"></a>{block.label} `{block.ids[0].rsplit("@", 1)[-1]}`',
        "",
        f"{block.summary} {text(block.__doc__)}",
        "",
        f"In definitions: {names}.",
        "",
        *notes(block),
        text(block.Fields.__doc__) or "Its fields:",
        "",
        "| Field | Takes | Default |",
        "|---|---|---|",
        *[row(name, block.spec.manifest.model_fields[name], slots) for name, slots in block.spec.slots.items()],
        "",
        "| Output | Kind |",
        "|---|---|",
        *[f"| `{name}` | {', '.join(kinds)} |" for name, kinds in block.outputs.items()],
        "",
        "```json",
        json.dumps(definition(block), indent=2, ensure_ascii=False),
        "```",
        "",
    ]
    if not block.outputs:
        at = parts.index("| Output | Kind |")
        parts[at : at + 3] = ["It has no outputs: it decides which steps go on."]
    return "\n".join(parts)


def text(doc: str | None) -> str:
    return " ".join((doc or "").split())


def notes(block: type[Block]) -> list[str]:
    said = {
        1: "Each image gives a list: what follows runs once per element of it.",
        -1: "The elements of each image are gathered into one.",
    }
    lines = [said[block.output_offset]] if block.output_offset else []
    lines += [restriction.note for restriction in block.restrictions]
    lines += ["Kept for old definitions; there is a newer block."] if block.deprecated else []
    return [line for note in lines for line in (note, "")]


def row(name: str, info: FieldInfo, slots: dict[Any, Slot]) -> str:
    default = "needed" if info.is_required() else f"`{shown(info)}`"
    return f"| `{name}` | {'; '.join(takes(info, slots))} | {default} |".replace("\n", " ")


def shown(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    return json.dumps(value, default=str, ensure_ascii=False).replace("|", "\\|")


def takes(info: FieldInfo, slots: dict[Any, Slot]) -> list[str]:
    said: list[str] = []
    for one in alternatives_of(info.annotation):
        base = get_origin(one) or one
        if base is Literal:
            said.append(" or ".join(f"`{word}`" for word in get_args(one)).replace("|", "\\|"))
        elif base in WORDS:
            said.append(WORDS[base])
    where = {"self": "", "item": "a list of ", "value": "by name, "}
    for place, slot in slots.items():
        kinds = "a step" if slot.step else "anything" if slot.kinds == ("*",) else " or ".join(slot.kinds)
        said.append(f"{where[place]}selector of {kinds}")
    if "text" in said and slots.get("self") and not slots["self"].literal:
        said.remove("text")  # the selector itself
    return list(dict.fromkeys(said)) or ["operations"]


def renew() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, content in pages().items():
        (FOLDER / name).write_text(content)


if __name__ == "__main__":
    renew()
