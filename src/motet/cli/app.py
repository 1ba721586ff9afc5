"""The command `motet`: finds the file of the command that was asked for, turns errors into an exit status.

Status 0: done. 2: something a person can mend, in one message. 1: our mistake, a traceback. 130: Ctrl-C.
"""

import difflib
import errno
import importlib
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from motet.errors import MotetError

# name -> what it does; its function lies in the module of that name, _ for -, under motet.cli
COMMANDS = {
    "init": "Look at data files and write a configuration for them.",
    "check": "Check a configuration and its data; nothing is trained.",
    "train": "Train one model for every task, and write a run folder.",
    "pretrain": "Train the language model on your own texts, before any task.",
    "affinity": "Measure which tasks of a configuration help each other.",
    "evaluate": "Measure every task of a run.",
    "report": "Write the report of a run: one HTML page.",
    "ensemble": "Put runs together: one run that answers for all.",
    "recommend": "Recommend items for users, for an item, or for a sentence.",
    "predict": "Predict a task for the rows of a file.",
    "classify": "Classify texts.",
    "tag": "Tag what texts name.",
    "answer": "Answer questions.",
    "label-next": "Say which texts of a file to label next.",
    "models": "List the language models known by name, or make one ready.",
    "doctor": "Say what is installed, what is missing, and what to do.",
    "demo": "Fetch MovieLens-100K, train on it, and show recommendations.",
}

_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}  # full disk, no permission


class Commands(TyperGroup):
    """The table above as a group of commands, each imported when it is called and not before."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        function = getattr(importlib.import_module(f"motet.cli.{name}"), name)
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(cmd_name)(function)
        return typer.main.get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names, or fail with the nearest name."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{meant} The commands are {', '.join(COMMANDS)}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("motet"))
        raise typer.Exit


@app.callback()
def motet(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One model with a language model at its heart for every recommendation task."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after ``motet``; those of the process if not given.

    Returns:
        The exit status: 0, 1, 2 or 130, as the top of this file says.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except MotetError as error:
        return _refuse(str(error))
    except typer.TyperException as error:
        return _misused(error)
    except (KeyboardInterrupt, typer.Abort):
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `motet ... | head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _refuse(f"The system refuses: {error}.") if error.errno in _REFUSALS else _mistake()
    except Exception:
        return _mistake()


def _run(arguments: list[str]) -> int:
    from motet.system.devices import tune_memory

    tune_memory()
    group = typer.main.get_command(app)
    try:
        with group.make_context("motet", list(arguments)) as context:
            group.invoke(context)
            sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    return 0


def _refuse(text: str) -> int:
    print(f"Error: {text}", file=sys.stderr)
    return 2


def _misused(error: typer.TyperException) -> int:
    """A word on the command line is wrong: print how the command is used."""
    show = getattr(error, "show", None)
    if show is None:
        return _refuse(error.format_message())
    show()
    return 2


def _mistake() -> int:
    traceback.print_exc()
    print(
        "Error: this is our mistake, not yours. Please report it with the lines above.",
        file=sys.stderr,
    )
    return 1
