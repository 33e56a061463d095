"""Pure inference: runtime, model families, cache, vision. Knows no queue, no broker and no web."""
