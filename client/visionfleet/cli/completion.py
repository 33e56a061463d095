"""``visionfleet completion``: what a shell needs to complete our commands and options."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from typer._completion_shared import get_completion_script

NAME = "visionfleet"


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish", "powershell"], typer.Argument(help="Your shell.")],
) -> None:
    """Print a script that completes commands and options.

    bash: eval "$(visionfleet completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc after compinit;
    fish: visionfleet completion fish > ~/.config/fish/completions/visionfleet.fish.
    """
    variable = f"_{NAME.upper()}_COMPLETE"
    typer.echo(get_completion_script(prog_name=NAME, complete_var=variable, shell=shell))
