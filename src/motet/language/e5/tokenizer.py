"""The tokenizer of a packed model as the files that transformers opens: tokenizer.json and its settings.

As in XLM-RoBERTa: rules for signs, runs of spaces made one, words marked by ``▁``, then the most probable
pieces (unigram: Kudo, ACL 2018, doi.org/10.18653/v1/P18-1007) between ``<s>`` and ``</s>``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from motet.language.e5.charsmap import compile_rules
from motet.language.e5.packed import Packed
from motet.system.files import write_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MASK = "<mask>"


def write_tokenizer(folder: Path, packed: Packed) -> None:
    """Write tokenizer.json and tokenizer_config.json into a folder."""
    build_tokenizer(packed).save(str(folder / "tokenizer.json"), pretty=False)
    texts = packed.pieces.texts
    begin, end = texts[packed.pieces.begin], texts[packed.pieces.end]
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": begin,
        "cls_token": begin,
        "eos_token": end,
        "sep_token": end,
        "pad_token": texts[packed.pieces.padding],
        "unk_token": texts[packed.pieces.unknown],
        "model_max_length": packed.sizes.positions,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    write_json(folder / "tokenizer_config.json", settings | ({"mask_token": MASK} if MASK in texts else {}))


def build_tokenizer(packed: Packed) -> "Tokenizer":
    """The tokenizer; signs in a row that have no piece become one ``<unk>``."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.processors import TemplateProcessing

    pieces = packed.pieces
    vocabulary = list(zip(pieces.texts, pieces.scores, strict=True))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=pieces.unknown, byte_fallback=False))
    steps: list[normalizers.Normalizer] = [normalizers.Replace(Regex(" {2,}"), " ")]
    if packed.rules:
        steps.insert(0, normalizers.Precompiled(compile_rules(packed.rules)))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    begin, end = pieces.texts[pieces.begin], pieces.texts[pieces.end]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(begin, pieces.begin), (end, pieces.end)],
    )
    special = [pieces.begin, pieces.padding, pieces.end, pieces.unknown]
    tokenizer.add_special_tokens([AddedToken(pieces.texts[number], special=True) for number in special])
    if MASK in pieces.texts:
        tokenizer.add_special_tokens([AddedToken(MASK, lstrip=True, special=True)])
    return tokenizer
