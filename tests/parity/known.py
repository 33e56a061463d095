"""Differences from references that are known and not yet repaired."""

DIFFERENT = {
    "classify-hf-resnet50": "Hugging Face cuts odd borders down, torchvision rounds to even: input cannot say which",
}
