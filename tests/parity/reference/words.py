"""Tokenizers of small nets: byte pairs, learned from the texts that the nets are asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tests.parity.foundation import TEXTS

SIZE = 500
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>")


def byte_pairs(path: Path, marks: Sequence[str] = (), first: Sequence[str] = ()) -> Tokenizer:
    """The tokenizer, written to ``path``: tokens ``first``, what was learned, and the models' own ``marks``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=list(first), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    if first:  # of RoBERTa's and BART's kind
        start, _, end, _ = (tokenizer.token_to_id(mark) for mark in ROBERTA)
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", end), ("<s>", start), add_prefix_space=False)
    if marks:
        tokenizer.add_special_tokens([AddedToken(each, special=True, normalized=False) for each in marks])
    tokenizer.save(str(path))
    return tokenizer
