"""RecTools SASRec and BERT4Rec, with and without a frozen text vector of each item (RecTools 0.19).

``{"model": "sasrec" | "bert4rec", "vectors": false, "grid": [{n_factors, n_blocks, n_heads, session_max_len,
dropout_rate, lr, batch_size, loss, ...}], "epochs": 100, "patience": 10, "seed": 0, "k": 10, "threads":
1}``. Training is RecTools' own; after each epoch NDCG@10 of the validation items over the full ranking is
measured (its time is accounted apart), and the best epoch's weights are kept. The lists are written by
RecTools with training and validation items as history. Users without a known item, whom RecTools cannot
serve, get the most popular items.
"""

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import BERT4RecModel, SASRecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet

from benchmarks.peers.exchange import (
    Interactions,
    RankingWorld,
    Report,
    Settings,
    Stopwatch,
    read_ranking_world,
    run_main,
    write_lists,
)
from benchmarks.peers.ranking import Validation, popularity, top_lists, user_item_matrix
from benchmarks.peers.text_net import FrozenVectorsItemNet

MODELS = {"sasrec": SASRecModel, "bert4rec": BERT4RecModel}


def rectools_dataset(interactions: Interactions, vectors_ND: np.ndarray | None) -> Dataset:
    """A RecTools dataset; the place in the given order stands for the time, one second an event."""
    table = pd.DataFrame(
        {
            Columns.User: interactions.user_E,
            Columns.Item: interactions.item_E,
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(np.arange(len(interactions.user_E)), unit="s"),
        }
    )
    if vectors_ND is None:
        return Dataset.construct(table)
    known = np.unique(interactions.item_E)
    features = pd.DataFrame(vectors_ND[known], columns=[f"v{place}" for place in range(vectors_ND.shape[1])])
    features.insert(0, "id", known)
    return Dataset.construct(table, item_features_df=features, make_dense_item_features=True)


class Watch(Callback):
    """Validates every epoch, keeps the best weights, stops after ``patience`` epochs without gain."""

    def __init__(self, world: RankingWorld, patience: int, what: str) -> None:
        train = user_item_matrix(world.train, world.num_users, world.num_items)
        self.validation = Validation(world.valid, train)
        self.num_items, self.train = world.num_items, world.train
        self.patience, self.what = patience, what
        self.training, self.evaluation = Stopwatch(), Stopwatch()
        self.curve: list[dict[str, float]] = []
        self.best, self.best_epoch = -1.0, 0
        self.weights: dict[str, torch.Tensor] = {}
        self.model: Any = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Watch":
        return self  # RecTools copies its trainer; what is measured must stay in reach.

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the epoch."""
        self._running = self.training.running()
        self._running.__enter__()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock, validate, keep the best."""
        self._running.__exit__(None, None, None)
        with self.evaluation.running():
            ndcg = self._ndcg(pl_module)
            if ndcg > self.best:
                self.best, self.best_epoch = ndcg, trainer.current_epoch + 1
                self.weights = copy.deepcopy(pl_module.torch_model.state_dict())
        pl_module.train()
        epoch = trainer.current_epoch + 1
        self.curve.append({"epoch": epoch, "cpu_seconds": self.training.cpu, "ndcg@10": ndcg})
        print(f"{self.what} epoch {epoch}: {ndcg:.4f} after {self.training.cpu:.1f} CPU s", flush=True)
        trainer.should_stop = epoch - self.best_epoch >= self.patience

    def _ndcg(self, module: LightningModule) -> float:
        """NDCG@10 over the full ranking; what RecTools does not know cannot be recommended."""
        prepare = self.model.data_preparator
        known = prepare.get_known_item_ids().astype(np.int64)
        users = np.unique(self.validation.targets.user_E)
        keep_E = np.isin(self.train.user_E, users)
        history = rectools_dataset(Interactions(self.train.user_E[keep_E], self.train.item_E[keep_E]), None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = prepare.transform_dataset_u2i(history, users)
        loader = prepare.get_dataloader_recommend(dataset, self.model.recommend_batch_size)
        state_BD, item_ND = module._get_user_item_embeddings(loader, "cpu")
        item_ND = item_ND[prepare.n_item_extra_tokens :]
        row_of_user = np.full(users.max() + 1, -1)
        row_of_user[dataset.user_id_map.get_external_sorted_by_internal()] = np.arange(len(state_BD))

        def score(user_B: np.ndarray) -> np.ndarray:
            row_B = row_of_user[user_B]
            score_BN = np.full((len(user_B), self.num_items), -1e30, dtype=np.float32)
            score_BN[:, known] = (state_BD[row_B] @ item_ND.T).numpy()
            score_BN[row_B < 0] = 0.0
            return score_BN

        with torch.no_grad():
            return self.validation.ndcg(score)


def build(settings: Settings, setting: Settings, watch: Watch) -> Any:
    """The RecTools model of one trial, with our watch in its trainer."""

    def trainer() -> Trainer:
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        return Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=int(settings.get("epochs", 100)),
            enable_checkpointing=False,
            callbacks=[watch],
            **quiet,
        )

    blocks = (IdEmbeddingsItemNet,) + ((FrozenVectorsItemNet,) if settings.get("vectors") else ())
    model = MODELS[settings["model"]](
        item_net_block_types=blocks, get_trainer_func=trainer, recommend_torch_device="cpu", **setting
    )
    watch.model = model
    return model


def train(world: RankingWorld, settings: Settings, setting: Settings) -> tuple[Any, Watch]:
    """One trial: train until validation stops improving, put the best epoch's weights back."""
    seed_everything(int(settings.get("seed", 0)), verbose=False)
    watch = Watch(world, int(settings.get("patience", 10)), settings["model"])
    model = build(settings, setting, watch)
    vectors_ND = world.vectors_ND if settings.get("vectors") else None
    model.fit(rectools_dataset(world.train, vectors_ND))
    model.torch_model.load_state_dict(watch.weights)
    return model, watch


def recommend(model: Any, world: RankingWorld, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Lists by RecTools, ``(Q, K)`` items and scores, and how many users it could not serve.

    Those users get the most popular items.
    """
    history = world.train + world.valid
    known = model.data_preparator.get_known_item_ids().astype(np.int64)
    served = np.intersect1d(world.query_Q, history.user_E[np.isin(history.item_E, known)])
    dataset = rectools_dataset(history, None)
    found = model.recommend(served, dataset, k=k, filter_viewed=True, on_unsupported_targets="warn")
    item_QK = np.full((len(world.query_Q), k), -1)
    score_QK = np.full((len(world.query_Q), k), -np.inf)
    row, place = np.searchsorted(world.query_Q, found[Columns.User]), found[Columns.Rank].to_numpy() - 1
    item_QK[row, place], score_QK[row, place] = found[Columns.Item], found[Columns.Score]
    cold_C = np.setdiff1d(world.query_Q, served)
    if len(cold_C):
        count_N = popularity(world.train, world.num_items, seed)
        seen = user_item_matrix(history, world.num_users, world.num_items)
        row_C = np.searchsorted(world.query_Q, cold_C)
        popular = lambda user_B: np.tile(count_N, (len(user_B), 1))  # noqa: E731
        item_QK[row_C], score_QK[row_C] = top_lists(popular, seen, cold_C, k)
    return item_QK, score_QK, len(cold_C)


def work(folder: Path, settings: Settings, output: Path) -> None:
    """Train every entry of the grid, keep the one that validates best, write its lists."""
    torch.set_num_threads(int(settings.get("threads", 1)))
    report = Report(f"rectools.{settings['model']}{'.vectors' if settings.get('vectors') else ''}", settings)
    world = read_ranking_world(folder)
    best: tuple[Any, Watch] | None = None
    for setting in settings["grid"]:
        model, watch = train(world, settings, setting)
        told = {"ndcg@10": watch.best, "epoch": watch.best_epoch, "curve": watch.curve}
        spent = {"cpu_seconds": watch.training.cpu, "evaluation_cpu_seconds": watch.evaluation.cpu}
        report.trials.append({"setting": setting, **told, **spent})
        if best is None or watch.best > best[1].best:
            best, report.chosen, report.curve = (model, watch), setting, watch.curve
        report.write(output, "unfinished.json")
    assert best is not None
    k, seed = int(settings.get("k", 10)), int(settings.get("seed", 0))
    item_QK, score_QK, cold = recommend(best[0], world, k, seed)
    report.notes = {"users_without_known_item": cold}
    write_lists(output, world.query_Q, item_QK, score_QK)
    report.write(output)


if __name__ == "__main__":
    run_main(work)
