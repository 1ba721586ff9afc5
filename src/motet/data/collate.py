"""From places in the log to a batch of tensors; the same code for training, evaluation and serving.

Shapes: see `motet.batch`; W windows of the plan, Q rows.
"""

from dataclasses import dataclass

import numpy as np
import torch

from motet.batch import Batch
from motet.data.clock import clock_features
from motet.data.counting import CountedRows
from motet.data.requests import Plan
from motet.data.timelines import Timelines


@dataclass(frozen=True)
class Collator:
    """Makes batches out of windows of a plan."""

    log: Timelines
    plan: Plan
    item_time_I: np.ndarray  # int64 ms, -1 unknown
    counter_NC: CountedRows | None  # standardised; None: no counters are kept

    def __call__(self, windows: np.ndarray) -> Batch:
        """The batch of some windows, given by their places in the plan."""
        log, plan = self.log, self.plan
        length_B = plan.length_W[windows]
        visible_BL, real_BL = _ragged(plan.start_W[windows], length_B)
        place_BL = np.zeros_like(visible_BL)
        place_BL[real_BL] = plan.visible_H[visible_BL[real_BL]]
        query_BP, row_BP = self._rows(windows)
        place_BP = np.maximum(row_BP, 0)
        state_BP = plan.state_Q[query_BP] * (row_BP >= 0)
        user_B = plan.user_W[windows]
        time_BL = np.where(real_BL, log.time_N[place_BL], 0)
        last_BP = np.take_along_axis(
            np.concatenate([np.full((len(windows), 1), -1), time_BL], 1), state_BP, 1
        )
        item_BP = np.where(row_BP >= 0, log.item_N[place_BP], 0)
        clock_BPV = clock_features(log.time_N[place_BP], last_BP, self.item_time_I[item_BP], state_BP)
        number_BPV = np.concatenate([log.request_number_NV[place_BP], clock_BPV], -1)
        counters = self.counter_NC
        return Batch(
            item_BL=_tensor(np.where(real_BL, log.item_N[place_BL], 0), np.int64),
            code_BLJ=_tensor(log.event_code_NJ[place_BL] * real_BL[..., None], np.int64),
            number_BLV=_tensor(np.where(real_BL[..., None], log.event_number_NV[place_BL], 0), np.float32),
            time_BL=_tensor(time_BL / 1000.0, np.float64),
            length_B=_tensor(length_B, np.int64),
            user_code_BJ=_tensor(log.user_code_UJ[user_B], np.int64),
            user_number_BV=_tensor(log.user_number_UV[user_B], np.float32),
            row_BP=_tensor(row_BP, np.int64),
            state_BP=_tensor(state_BP, np.int64),
            ask_BP=_tensor(np.where(row_BP >= 0, plan.ask_Q[query_BP], -1), np.int64),
            row_item_BP=_tensor(item_BP, np.int64),
            row_code_BPJ=_tensor(log.request_code_NJ[place_BP], np.int64),
            row_number_BPV=_tensor(number_BPV, np.float32),
            row_time_BP=_tensor(log.time_N[place_BP] / 1000.0, np.float64),
            counter_BPC=_tensor(
                np.zeros((*row_BP.shape, 0)) if counters is None else counters[place_BP], np.float32
            ),
            label={
                name: _tensor(np.where(row_BP >= 0, y[place_BP], np.nan), np.float32)
                for name, y in log.label.items()
            },
            positive={name: _tensor((row_BP >= 0) & y[place_BP], bool) for name, y in log.positive.items()},
            taken={name: _tensor(real_BL & y[place_BL], bool) for name, y in log.positive.items()},
            told={
                name: _tensor(np.where(real_BL, y[place_BL], np.nan), np.float32)
                for name, y in log.told.items()
            },
        )

    def _rows(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of the rows in the plan and in the log, both ``(B, P)``; -1 in the latter is padding."""
        begin_B = self.plan.offset_W[windows]
        query_BP, real_BP = _ragged(begin_B, self.plan.offset_W[windows + 1] - begin_B)
        query_BP = np.minimum(query_BP, max(len(self.plan.row_Q) - 1, 0))
        return query_BP, np.where(real_BP, self.plan.row_Q[query_BP], -1)


def _ragged(begin_B: np.ndarray, count_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places ``begin + 0, 1, ...`` padded to the longest, and which of them are real."""
    step = np.arange(max(int(count_B.max(initial=0)), 1))
    return begin_B[:, None] + step, step < count_B[:, None]


def _tensor(array: np.ndarray, dtype: type) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=dtype))
