"""`motet train`."""

import pytest

from motet import run as run_module

QUICK = [
    word
    for option in ("training.epochs=1", "report.twins=none", "report.ablations=[]", "report.baselines=[]")
    for word in ("--set", option)
]


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch):
    monkeypatch.setattr(
        run_module, "write_report", lambda folder: (folder / "report.html").write_text("report")
    )


def test_a_run_is_written_where_it_is_told_and_its_verdicts_are_printed(world, say):
    answer = say("train", world / "small.yaml", "--run", world / "mine", *QUICK)
    assert answer.status == 0
    assert (world / "mine" / "model.safetensors").is_file()
    tasks = [line.split(":")[0] for line in answer.out.splitlines()]
    assert tasks == ["next", "click", "stars", "type"]
    assert f"The run is in {world / 'mine'}" in answer.err
    assert "training joint: next, click, stars, type" in answer.err


def test_without_a_folder_a_run_goes_to_runs_under_its_name(world, say, monkeypatch):
    monkeypatch.chdir(world)
    assert say("train", "small.yaml", *QUICK, "--set", "name=mine").status == 0
    assert (world / "runs" / "mine" / "metrics.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["small.yaml", "--set", "training.epoch=1"], "epochs"),
        (["small.yaml", "--run", "taken"], "taken exists already. Give another folder with  --run"),
        (["small.yaml", "--set", "data.events.path=gone.csv"], "gone.csv"),
        (["small.yaml", "--set", "tasks.1.label=clicked > 7", "--set", "tasks.1.types=rate"], "tasks.click"),
    ],
)
def test_a_mistake_of_the_user_gives_one_message_and_no_run(world, say, monkeypatch, words, said):
    monkeypatch.chdir(world)
    (world / "taken").mkdir()
    answer = say("train", *words)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not (world / "runs" / "small").exists()


def test_the_keyboard_before_the_first_epoch_stops_without_a_run(world, say, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "fit_all", stop)
    answer = say("train", world / "small.yaml", "--run", world / "mine")
    assert (answer.status, answer.err.splitlines()[-1]) == (130, "Stopped.")
    assert not (world / "mine").exists()


def test_a_training_that_diverges_is_told_with_its_batch(world, say):
    words = ("--set", "training.learning_rate=1e30", "--set", "training.warmup=0")
    answer = say("train", world / "small.yaml", "--run", world / "mine", *QUICK, *words)
    assert answer.status == 2
    assert "joint, epoch 1, batch" in answer.err
    assert "Traceback" not in answer.err
    assert not (world / "mine").exists()
