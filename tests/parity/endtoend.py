"""Our engine on the exported graphs beside the references' answers, from the file's bytes on: see script/parity."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from shared.decode import decode
from tests.parity import golden, pictures
from tests.parity.compare import Errors, compare
from tests.parity.families import FAMILY_OF
from tests.parity.known import DIFFERENT, SENSITIVE
from tests.parity.replay import beside
from tests.parity.sensitive import explained
from worker_service.engine.artifacts import Package, file_sha256
from worker_service.engine.family import AnyModel, registry
from worker_service.engine.manifest import Manifest
from worker_service.engine.runtime.session import Runtime
from worker_service.settings import EngineSettings

log = logging.getLogger("parity")


def load(case: golden.Case, graph: Path, runtime: Runtime) -> AnyModel:
    """The model of a case with its real graph."""
    files = {graph.name: file_sha256(graph), **beside(case, graph.parent)}
    family = FAMILY_OF[case.name]
    manifest = Manifest.model_validate({"id": case.name, "files": files, **case.manifest, "family": family})
    return registry().get(family).load(Package(manifest, graph.parent), runtime)


def unrest(case: golden.Case, arrays: golden.Arrays, model: AnyModel) -> bool:
    """Whether noise in the last bits of each input does as much as lies between us and the reference."""
    verdicts = []
    for name in case.pictures:
        item = model.preprocess(decode(pictures.read(name), 10_000_000), model.params(case.settings[0]))
        ok, away, moved = explained(model, item, arrays, name)
        log.info("  %-14s outputs %.1e from the reference, moved by noise %.1e", name, away, moved)
        verdicts.append(ok)
    return all(verdicts)


def run(case: golden.Case, arrays: golden.Arrays, model: AnyModel) -> Errors:
    """Compare all pictures, as one batch."""
    total = Errors()
    for i, setting in enumerate(case.settings):
        params = model.params(setting)
        prepared = [model.preprocess(decode(pictures.read(name), 10_000_000), params) for name in case.pictures]
        for name, raw, item in zip(case.pictures, model.infer(prepared), prepared, strict=True):
            answer = model.postprocess(raw, item, params).to_dict()
            errors = compare(answer, golden.part(arrays, f"{name}/answer{i}"))
            if errors.mismatch:
                errors.mismatch = f"{name} at {setting}: {errors.mismatch}"
            total = total.worse(errors)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--only", default="all")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    runtime = Runtime(EngineSettings(intra_op_threads=1))
    failed: list[str] = []
    for name in golden.names():
        graph = options.cache / f"{name.removesuffix('-legacy')}.onnx"  # those ask the same graphs in another mode
        if options.only not in ("all", name) or not graph.exists():
            continue
        case, arrays = golden.load(name)
        if FAMILY_OF.get(name) not in registry().names():
            log.info("%-30s no family yet", name)
            continue
        model = load(case, graph, runtime)
        errors = run(case, arrays, model)
        verdict = "ok" if errors.passed else DIFFERENT.get(name, "DIFFERENT")
        log.info("%-30s %s: %s on a scale of %s", name, verdict, errors, case.scale)
        shaky = not errors.passed and name in SENSITIVE and unrest(case, arrays, model)
        if not (errors.passed or shaky or name in DIFFERENT):
            failed.append(name)
    if failed:
        log.error("different from the reference: %s", ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
