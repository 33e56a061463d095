"""Python code in definitions: off unless VISIONFLEET_WORKFLOW_PYTHON allows it, and in a process of its own."""
