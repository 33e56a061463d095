"""Tokenisers of three kinds with vocabularies of our own, and how other implementations split nasty texts.

BERT's word pieces by transformers' pure Python, CLIP's BPE by open_clip's, unigrams by SentencePiece itself. The
``tokenizers`` library and SentencePiece part ways over ties and over half-width voiced kana; such texts are listed.
Needs: open_clip_torch (its tokenizer.py alone), ftfy, regex, sentencepiece, transformers.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from tests.parity import nasty
from tests.parity.foundation import TEXTS

FOLDER = Path(__file__).parents[1] / "splitting"
Split = Callable[[str], list[int]]
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def run(cache: Path, only: str) -> Iterator[str]:
    """Write tokenizer files and answers."""
    answers: dict[str, Any] = {}
    for name, make in {"bert": bert, "clip": clip, "unigram": unigram}.items():
        if only not in ("all", name):
            continue
        tokenizer, split = make(cache)
        tokenizer.save(str(FOLDER / f"{name}.json"), pretty=False)
        wanted = [split(text) for text in nasty.texts()]
        found = [tokenizer.encode(text).ids for text in nasty.texts()]
        differ = [i for i, (one, other) in enumerate(zip(found, wanted, strict=True)) if one != other]
        answers[name] = {"ids": wanted, "differ": differ}
        yield name
    (FOLDER / "answers.json").write_text(json.dumps(answers, separators=(",", ":")) + "\n")


def bert(cache: Path) -> tuple[Tokenizer, Split]:
    """Word pieces, lower case, accents stripped."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=700, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([*TEXTS * 3, *nasty.PIECES], trainer)
    begin, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", end), ("[CLS]", begin))
    tokenizer.decoder = decoders.WordPiece()
    names = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    (cache / "vocab.txt").write_text("\n".join(name for name, _ in names) + "\n")
    known = BertTokenizerLegacy(str(cache / "vocab.txt"))

    def split(text: str) -> list[int]:
        unknown = known.vocab["[UNK]"]
        return [begin, *(known.vocab.get(piece, unknown) for piece in known._tokenize(text)), end]

    return tokenizer, split


def clip(cache: Path) -> tuple[Tokenizer, Split]:
    """Byte pairs with an end of words. open_clip's mending of broken text (ftfy, HTML) is no part of it."""
    shape: dict[str, Any] = {"end_of_word_suffix": "</w>", "unk_token": "<end_of_text>"}
    normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True)
    pre = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    learner = Tokenizer(models.BPE(**shape))
    learner.normalizer, learner.pre_tokenizer = normalizer, pre
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=900, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(TEXTS * 3, trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    with gzip.open(cache / "merges.gz", "wb") as file:
        file.write(("#\n" + "\n".join(" ".join(pair) for pair in merges)).encode())
    known = _open_clip().SimpleTokenizer(str(cache / "merges.gz"))
    known.clean_fn = lambda text: " ".join(unicodedata.normalize("NFC", text).split()).lower()
    tokenizer = Tokenizer(models.BPE(vocab=known.encoder, merges=merges, **shape))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, pre, decoders.ByteLevel()
    tokenizer.add_special_tokens(["<start_of_text>", "<end_of_text>"])
    begin, end = known.sot_token_id, known.eot_token_id
    tokenizer.post_processor = processors.RobertaProcessing(
        ("<end_of_text>", end), ("<start_of_text>", begin), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer, lambda text: [begin, *known.encode(text), end]


def unigram(cache: Path) -> tuple[Tokenizer, Split]:
    """SentencePiece's unigrams, with its own normalisation."""
    corpus = [
        *(text.replace("\n", " ") for text in TEXTS * 5),
        *(p for p in nasty.PIECES * 3 if p.strip("\x00 \t\r\n")),
    ]
    (cache / "corpus.txt").write_text("\n".join(corpus))
    spm.SentencePieceTrainer.train(
        input=str(cache / "corpus.txt"),
        model_prefix=str(cache / "unigram"),
        vocab_size=420,
        model_type="unigram",
        character_coverage=1.0,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    known = spm.SentencePieceProcessor(model_file=str(cache / "unigram.model"))
    model = proto.ModelProto()
    model.ParseFromString((cache / "unigram.model").read_bytes())
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in model.pieces], unk_id=known.unk_id()))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap),
            normalizers.Strip(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="always")
    return tokenizer, known.encode


def _open_clip() -> Any:
    """Its tokenizer alone: the package itself wants torchvision."""
    (file,) = [f for f in importlib.metadata.files("open_clip_torch") or () if str(f) == "open_clip/tokenizer.py"]
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", str(file.locate()))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
