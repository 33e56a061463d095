"""SmolVLM's folder as Hugging Face's exporters lay it out, taken by ``models add``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

from shared.errors import VisionfleetError
from tests.parity import pictures, vlm
from tests.parity.foundation import FOLDER
from worker_service.engine.engine import Engine
from worker_service.engine.format import Wanted, propose
from worker_service.fetch.install import install
from worker_service.settings import EngineSettings

NET = FOLDER / "smolvlm"
PROCESSOR: dict[str, Any] = {
    "do_convert_rgb": True,
    "do_image_splitting": True,
    "do_normalize": True,
    "do_pad": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SmolVLMImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "max_image_size": {"longest_edge": vlm.SIDE},
    "resample": 1,
    "rescale_factor": 0.00392156862745098,
    "size": {"longest_edge": vlm.LONGEST},
}
"""As ``save_pretrained`` of transformers 5.24 writes it, in the sizes of the small net."""
SAVED = {
    "before 5": {
        "preprocessor_config.json": {**PROCESSOR, "processor_class": "SmolVLMProcessor"},
        "processor_config.json": {"image_seq_len": 64, "processor_class": "SmolVLMProcessor"},
    },
    "5": {
        "processor_config.json": {
            "image_processor": PROCESSOR,
            "image_seq_len": 64,
            "processor_class": "SmolVLMProcessor",
            "video_processor": {**PROCESSOR, "fps": 1, "max_image_size": {"longest_edge": 512}},
        }
    },
}


def exported(folder: Path, saved: dict[str, Any]) -> Path:
    """The graphs in ``onnx/``, with the sizes of images left open, and the files beside it."""
    (folder / "onnx").mkdir(parents=True)
    for name in ("embed_tokens.onnx", "decoder_model_merged.onnx"):
        shutil.copy(NET / name, folder / "onnx" / name)
    sight = onnx.load(NET / "vision_encoder.onnx")
    for value in sight.graph.input:
        for axis, called in ((-2, "height"), (-1, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = called
    onnx.save(sight, folder / "onnx" / "vision_encoder.onnx")
    for name in ("tokenizer.json", "chat_template.jinja"):
        shutil.copy(NET / name, folder / name)
    end = json.loads((NET / "model.json").read_text())["generation"]["eos_token_id"]
    generation = {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": [end], "pad_token_id": 2}
    config = {"model_type": "smolvlm", "architectures": ["SmolVLMForConditionalGeneration"]}
    for name, values in {**saved, "generation_config.json": generation, "config.json": config}.items():
        (folder / name).write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize("version", list(SAVED))
def test_it_writes_what_the_net_of_the_parity_tests_writes(version: str, tmp_path: Path) -> None:
    proposal = propose(exported(tmp_path / "export", SAVED[version]), Wanted("m"))
    manifest = proposal.manifest
    assert (manifest.family, manifest.task, proposal.unsure) == ("smolvlm", "lmm", ())
    assert (manifest.input.width, manifest.input.height) == (vlm.SIDE, vlm.SIDE)
    assert set(SAVED[version]) <= set(manifest.files)
    install(tmp_path / "aside", tmp_path / "models", proposal)
    params = {"prompt": vlm.PROMPTS[0], "max_new_tokens": 20}
    said = []
    for folder, name in ((FOLDER, "smolvlm"), (tmp_path / "models", "m")):
        engine = Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1, warm_up=False))
        (answer,) = engine.infer(name, [pictures.read(pictures.NAMES[0])], params)
        assert not isinstance(answer, VisionfleetError)
        said.append(answer.to_dict())
    assert said[0] == said[1]
    assert said[0]["tokens"] == 20


def test_without_any_the_size_is_the_usual_one(tmp_path: Path) -> None:
    manifest = propose(exported(tmp_path / "export", {}), Wanted("m")).manifest
    assert (manifest.input.width, manifest.input.height) == (512, 512)
