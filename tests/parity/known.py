"""Differences from references that are known: case -> what and why."""

# Not yet repaired; their tests must fail until they are.
DIFFERENT: dict[str, str] = {}

# On the real graphs only (endtoend.py): our input and the reference's differ by 1e-5 at most, and where that rounds to
# another half float or another step of eight bits, these nets answer otherwise. The recordings, in which both get the
# same outputs of the graph, agree.
SENSITIVE: dict[str, str] = {
    "classify-hf-vit-int8": "scores move by 0.005",
    "rfdetr-fp16": "made heads enlarge a last bit to other boxes",
    "rfdetr-int8": "made heads enlarge a last bit to other boxes",
}
