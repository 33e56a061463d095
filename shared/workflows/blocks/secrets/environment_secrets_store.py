"""Hand secrets of the server's environment to other steps."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from shared.errors import Forbidden
from shared.workflows import kinds
from shared.workflows.block import Block, Outputs
from shared.workflows.fields import StepFields
from shared.workflows.settings import read_secret


class EnvironmentSecretsStore(Block):
    """Only variables that the server's owner listed; outputs are their names in small letters."""

    ids = ("roboflow_core/environment_secrets_store@v1",)
    label = "Environment Secrets Store"
    summary = "Hand secrets of the server's environment to other steps."
    category = "secrets_provider"
    outputs = {"*": (kinds.ANY,)}
    engine = ">=1.4.0,<2.0.0"

    class Fields(StepFields):
        """Names of environment variables."""

        variables_storing_secrets: list[str]

    @override
    @classmethod
    def actual_outputs(cls, step: StepFields) -> Outputs:
        names: list[str] = getattr(step, "variables_storing_secrets", [])
        return {name.lower(): (kinds.SECRET,) for name in names}

    def run(self, variables_storing_secrets: list[str]) -> dict[str, Any]:
        """None for a variable that is not set. Raises Forbidden for one that workflows may not read."""
        for name in variables_storing_secrets:
            if name not in self.services.settings.workflow_secret_variables:
                raise Forbidden(
                    f"Workflows may not read {name}; its owner can list it in VISIONFLEET_WORKFLOW_SECRET_VARIABLES."
                )
        return {name.lower(): read_secret(name) for name in variables_storing_secrets}
