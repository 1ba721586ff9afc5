"""AnswerTable: vectors of all items that a task looks for, most of them as they were read last.

A question is compared with every item in every step, so that the hardest of them have their say. To read all
anew would take minutes: in each step the right items of some questions are read with gradient, and the others
stand as they were read last (as in ANCE, Xiong et al., ICLR 2021, arXiv:2007.00808). Before every validation
the whole table is read anew.
Shapes: M items, C of a step, K of them read anew, T width of the language model.
"""

import numpy as np
import torch
from torch import Tensor, nn

from motet.batch import AnswerBatch
from motet.data.loader import sorted_windows
from motet.data.tokens import Tokens
from motet.language.tuned import TunedLanguage

PLACES = 4096  # of tokens, padding included, that are read at once without gradient


class AnswerTable(nn.Module):
    """The table, and what of it is read anew.

    Args:
        vector_MT: Vectors as the training begins; of a frozen language model they stay.
        tokens: Of the items; None where the language model is frozen.
        half: Read the whole table in bfloat16.
    """

    def __init__(self, vector_MT: Tensor, tokens: Tokens | None = None, *, half: bool = False) -> None:
        super().__init__()
        self.tokens, self.half_precision = tokens, half
        self.register_buffer("vector_MT", vector_MT.clone())

    def vectors(self, answers: AnswerBatch, language: TunedLanguage | None) -> Tensor:
        """Vectors of the items of a batch ``(C, T)``; those that are read anew have a gradient."""
        vector_MT = self.get_buffer("vector_MT")
        assert answers.number_C is not None
        vector_CT = vector_MT[answers.number_C]
        if answers.live_K is None or language is None:
            return vector_CT
        assert answers.token_CL is not None
        assert answers.real_CL is not None
        live_KT = language.vectors(answers.token_CL, answers.real_CL).float()
        with torch.no_grad():
            vector_MT[answers.number_C[answers.live_K]] = live_KT
        return vector_CT.index_put((answers.live_K,), live_KT)

    @torch.no_grad()
    def read_all(self, language: TunedLanguage) -> None:
        """Read all items anew."""
        if self.tokens is None:
            return
        vector_MT, length_M = self.get_buffer("vector_MT"), self.tokens.length_N
        with torch.autocast(vector_MT.device.type, torch.bfloat16, enabled=self.half_precision):
            for number_B in sorted_windows(length_M, np.ones_like(length_M), PLACES):
                vector_BT = language.vectors(*self.tokens.padded(number_B))
                vector_MT[torch.from_numpy(number_B)] = vector_BT.float()
