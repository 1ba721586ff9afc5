"""`motet demo`: MovieLens-100K from the download to recommendations with titles."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from motet.use import TrainedModel


def demo(
    folder: Annotated[Path, typer.Option(help="Where data and run are written.")] = Path("runs/demo"),
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be given several times."),
    ] = None,
) -> None:
    """Fetch MovieLens-100K, train on three tasks jointly, and show recommendations."""
    import motet
    from motet.cli.show import verdicts
    from motet.data.public import movielens_100k
    from motet.recipes import recipe
    from motet.system.log import say
    from motet.use import open_run

    data = movielens_100k(folder / "data")
    config = data.parent / "movies.yaml"
    config.write_text(recipe("movies").replace("path: ", f"path: {data.name}/"), encoding="utf-8")
    run = folder / "run"
    if not run.exists():
        motet.train(config, run, set_ or ())
    done = open_run(run)
    say("What the small preset leaves out: the search over settings, several seeds, and longer training.")
    print(verdicts(metrics(run)))
    print(people(done, users(done)[0]))
    say(f"The report is {run / 'report.html'}")


def metrics(run: Path) -> dict[str, Any]:
    """metrics.json of a run."""
    from motet.system.files import read_json

    found: dict[str, Any] = read_json(run / "metrics.json")
    return found


def users(model: "TrainedModel") -> list[Any]:
    """User ids of the log."""
    return list(model.dataset.log.user_ids.to_list())


def people(model: "TrainedModel", user: Any, shown: int = 8) -> str:
    """What a user did last and what is recommended, with titles."""
    from motet.gather import user_numbers

    log, titles = model.dataset.log, model.bundle.titles()
    number = int(user_numbers(model.dataset, [user])[0])
    places = range(int(log.offset_U[number + 1]) - 1, max(int(log.offset_U[number + 1]) - 1 - shown, -1), -1)
    past = [f"    {titles[int(log.item_N[place])]}" for place in places]
    best = model.recommend(users=[user], k=shown)
    names = dict(zip(model.bundle.catalogue.ids.to_list(), titles[1:], strict=True))
    next_ = [f"    {rank}. {names[item]}" for rank, item in zip(best["rank"], best["item"], strict=True)]
    return "\n".join([f"User {user} saw last:", *past, "Motet recommends:", *next_])
