"""A language model from nothing: a tokenizer learned from texts, and a small BERT of random weights."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from motet.config.pretraining import Scratch
from motet.errors import DataError

PAD, UNKNOWN, BEGIN, END, MASK = SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
EXPANSION = 4  # width of the feed-forward layers, in widths
SCARCE = 2  # pieces that occur less often are not learned


def write_scratch(scratch: Scratch, texts: Iterable[str], max_tokens: int, seed: int, folder: Path) -> None:
    """Write a plain folder of transformers with the tokenizer and an untrained model.

    Args:
        scratch: Its kind and size.
        texts: That train.
        max_tokens: The longest text that it will read.
        seed: Of the weights. The tokenizer depends on the texts alone; unigram and WordPiece break ties by
            chance, so the same texts may give them other pieces another time.
        folder: Where to; it is made.

    Raises:
        DataError: The texts have no letters.
    """
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from motet.language.transformer import quiet
    from motet.system.randomness import derived_seed

    learned = learn_tokenizer(scratch, texts)
    if learned.get_vocab_size() <= len(SPECIAL):
        raise DataError("pretraining: the texts have no letters to learn a tokenizer from. Name other texts.")
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(
        tokenizer_object=learned,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=BEGIN,
        sep_token=END,
        mask_token=MASK,
        model_max_length=max_tokens,
    )
    torch.manual_seed(derived_seed(seed, "weights of a new language model"))
    model = BertModel(
        BertConfig(
            vocab_size=learned.get_vocab_size(),
            hidden_size=scratch.width,
            intermediate_size=EXPANSION * scratch.width,
            num_hidden_layers=scratch.layers,
            num_attention_heads=scratch.heads,
            max_position_embeddings=max_tokens,
            pad_token_id=0,
        ),
        add_pooling_layer=False,
    )
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def learn_tokenizer(scratch: Scratch, texts: Iterable[str]) -> Any:
    """A tokenizer of the `tokenizers` library with the marks of BERT.

    Scripts without blanks work in all three kinds: WordPiece parts ideographs, BPE works on bytes, and
    unigram needs no words.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    size: dict[str, Any] = {
        "vocab_size": scratch.vocabulary,
        "special_tokens": SPECIAL,
        "show_progress": False,
    }
    match scratch.tokenizer:
        case "wordpiece":
            made = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
            made.normalizer = normalizers.BertNormalizer(lowercase=True)
            made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            made.decoder = decoders.WordPiece()
            letters = max(scratch.vocabulary // 2, 1)  # the rarest of many thousand signs become [UNK]
            trainer: Any = trainers.WordPieceTrainer(min_frequency=SCARCE, limit_alphabet=letters, **size)
        case "bpe":
            made = Tokenizer(models.BPE())
            made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
            made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
            made.decoder = decoders.ByteLevel()
            letters_of_bytes = pre_tokenizers.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(min_frequency=SCARCE, initial_alphabet=letters_of_bytes, **size)
        case "unigram":
            made = Tokenizer(models.Unigram())
            made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
            made.pre_tokenizer = pre_tokenizers.Metaspace()
            made.decoder = decoders.Metaspace()
            trainer = trainers.UnigramTrainer(unk_token=UNKNOWN, **size)
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.BertProcessing((END, SPECIAL.index(END)), (BEGIN, SPECIAL.index(BEGIN)))
    return made
