"""A random tiny BERT with a tokenizer of a few words, saved as a folder: it stands for the language model."""

import json
from pathlib import Path

import pytest

from tests.language.tiny_decoder import save_tiny_decoder

WORDS = [
    "red",
    "blue",
    "shoe",
    "shampoo",
    "for",
    "dry",
    "hair",
    "and",
    "a",
    "small",
    "dog",
    "with",
    "very",
    "long",
    "ears",
    "who",
    "runs",
    "in",
    "the",
    "rain",
]


def save_tiny_bert(folder: Path, width: int = 16) -> Path:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted({letter for word in WORDS for letter in word})
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters), *WORDS]
    pieces = list(dict.fromkeys(pieces))  # written down: trained, they would be others each time
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    marks = {name: f"[{name[:-6].upper()}]" for name in ("pad_token", "unk_token", "cls_token", "sep_token")}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **marks)
    fast.model_max_length = 64
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2}
    BertModel(
        BertConfig(vocab_size=len(fast), num_attention_heads=2, max_position_embeddings=64, **size)
    ).save_pretrained(folder)
    return folder


def write_modules(folder: Path, *modules: str, **pooling: object) -> None:
    """The files that sentence-transformers lays beside a model."""
    paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    entries = [
        {"idx": number, "path": paths.get(name, name), "type": f"sentence_transformers.models.{name}"}
        for number, name in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture(scope="session")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_decoder(tmp_path_factory.mktemp("models") / "tiny-decoder")
