"""Which of our modules import which while they are imported, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from tests.architecture.tree import ROOT, modules


def groups() -> list[list[str]]:
    """Our modules, the imported first. A group has one module, or those that import each other in a ring."""
    names = {name for name in modules() if not name.endswith("__main__")}
    graph = nx.DiGraph()
    graph.add_nodes_from(sorted(names))
    for name in names:
        graph.add_edges_from((name, other) for other in _imported(name) if other in names and other != name)
    rings = nx.condensation(graph)
    return [sorted(rings.nodes[ring]["members"]) for ring in reversed(list(nx.topological_sort(rings)))]


def _imported(name: str) -> Iterator[str]:
    """Names of modules; some of them may be attributes. A module imports its packages, too."""
    yield from _above(name)
    for node in _at_import(ast.parse(_file(name).read_text())):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        else:
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        for one in wanted:
            yield from _above(one)


def _above(name: str) -> list[str]:
    """The module and its packages."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _file(name: str) -> Path:
    path = ROOT.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _at_import(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements that run with the module: not those in functions and for type checkers."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for inner in node.orelse:
            yield from _at_import(inner)
    elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.expr):
        for inner in ast.iter_child_nodes(node):
            yield from _at_import(inner)
