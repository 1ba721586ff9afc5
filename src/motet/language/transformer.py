"""A folder as transformers writes it becomes a model and its tokenizer, from files of this machine alone.

Shapes: B texts, L tokens, T width of the language model.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motet.errors import ConfigError
from motet.language.adapters import attach_saved

if TYPE_CHECKING:
    from torch import Tensor


def load_transformer(folder: Path, name: str, device: str) -> tuple[Any, Any]:
    """Model (fp32, evaluation) and tokenizer, which pads and cuts at the end.

    Args:
        folder: Of the model.
        name: As the configuration has it.
        device: Type of the device that it will compute on.

    Raises:
        ConfigError: The folder cannot be read, or holds a model that is no encoder and no decoder.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    safe = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False}
    attention = "eager" if device == "cpu" else "sdpa"  # faster on a CPU for short texts
    with quiet():
        try:
            model = AutoModel.from_pretrained(
                folder, dtype=torch.float32, attn_implementation=attention, **safe
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ConfigError(
                f"model.language: {name!r} cannot be read from {folder} ({error}). Name another model, "
                "or write  language: none."
            ) from error
    if getattr(model.config, "is_encoder_decoder", False):
        raise ConfigError(
            f"model.language: {name!r} is an encoder and a decoder in one ({model.config.model_type}), and "
            "Motet reads texts with one of the two. Name an encoder (such as all-MiniLM-L6-v2) or a decoder "
            "(such as SmolLM2-135M-Instruct)."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    attach_saved(model, folder)
    return model.eval(), tokenizer


def last_layer(model: Any, mask_BL: "Tensor", **read: "Tensor") -> "Tensor":
    """Vectors of tokens, ``(B, L, T)``; a decoder keeps nothing for tokens to come.

    Args:
        model: The transformer.
        mask_BL: 1 for a token, 0 for padding, which lies at the end.
        read: ``input_ids`` ``(B, L)``, or ``inputs_embeds`` ``(B, L, T)``.
    """
    forget = {"use_cache": False} if hasattr(model.config, "use_cache") else {}
    hidden_BLT: Tensor = model(attention_mask=mask_BL, **read, **forget).last_hidden_state
    return hidden_BLT


def reads_forward(folder: Path) -> bool:
    """Whether a model is a decoder, in which a token knows only what stands before it.

    By its configuration: it is of a type that goes on with texts and never fills gaps, or says so itself.
    """
    from transformers.models.auto import modeling_auto

    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kind = config.get("model_type")
    if config.get("use_bidirectional_attention"):
        return False
    goes_on = kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    fills_gaps = kind in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return bool(goes_on and (config.get("is_decoder") or not fills_gaps))


@contextmanager
def quiet() -> Iterator[None]:
    """No bars and no remarks on unused weights while a model loads."""
    from transformers.utils import logging as transformers_log

    logging: Any = transformers_log
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
