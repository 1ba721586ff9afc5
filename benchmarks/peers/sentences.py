"""sentence-transformers as an encoder that is asked.

    python -m benchmarks.peers.sentences FOLDER MAX_TOKENS THREADS

Option `batch_size`; all else is its own default, so it sorts by length, pads and uses SDPA.
"""

import functools
import sys
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from benchmarks.peers.asked import Encode, answer


@functools.cache
def _model(precision: str) -> SentenceTransformer:
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    model = SentenceTransformer(sys.argv[1], device="cpu", model_kwargs={"dtype": kind})
    model.max_seq_length = int(sys.argv[2])
    model.encode(["a text that warms up"])
    return model


def _open(precision: str, options: dict[str, Any]) -> Encode:
    model = _model(precision)
    return lambda texts: model.encode(texts, show_progress_bar=False, **options)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    answer(_open)
