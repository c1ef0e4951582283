"""The `xai` command: parse, call, show, exit.

Exit status: 0 only on success, 1 with one line `error: ...` that names the fix, 2 on wrong usage,
130 when interrupted.
"""

# torch takes seconds to import, so each command imports what it needs and `xai --help` stays fast;
# typer takes a tenth of a second to prepare all options, so only the command at hand is prepared
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .._paths import expand_home
from .._version import __version__
from ..errors import XaiError
from .terminal import print_error

__all__ = ["app", "main"]

COMMANDS = {
    "train": ("training.train", "train"),
    "adopt": ("adopt", "adopt"),
    "evaluate": ("evaluate", "evaluate"),
    "encode": ("evaluate", "encode"),
    "info": ("bundles", "info"),
    "notes": ("bundles", "notes"),
    "verify": ("evaluate", "verify"),
    "sweep": ("training.sweep", "sweep"),
    "attribute": ("attribute", "attribute"),
    "faithfulness": ("attribute", "faithfulness"),
    "strategies": ("strategies", "strategies"),
    "figures": ("figures", "figures"),
    "counterfactual": ("counterfactual", "counterfactual"),
    "report": ("report", "report"),
    "export": ("report", "export"),
    "record-collapse": ("training.record_collapse", "record_collapse"),
    "dashboard": ("dashboard", "dashboard"),
    "list": ("bundles", "list_"),
}
"""The module and the function of each command, in the order of the help."""
app: typer.Typer
"""All commands; created on first access."""
LESS = "Use fewer --images or --num-images, a smaller --batch-size, or --device cpu."


class _Commands(TyperGroup):
    """Converts the library's errors into one line and an exit status."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Expand `~` where the shell does not, as in `--out=~/z.npz`; refuse empty values."""
        for option, value in pairwise(args):
            _refuse_empty(option, value)
        for text in args:
            _refuse_empty(*text.split("=", 1) if "=" in text else (text, "given"))
        return super().parse_args(ctx, [_expanded(text) for text in args])

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  typer keeps its own context class
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            again = " To continue, add --resume to the same command."
            hint = again if ctx.invoked_subcommand == "train" else f" {error}".rstrip()
            print_error(KeyboardInterrupt(f"interrupted.{hint}"))
            raise typer.Exit(130) from error
        except (XaiError, ValueError, OSError) as error:
            rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
            print_error(error, "" if rank == "0" else f" (process {rank})")
            raise typer.Exit(1) from error
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, typer.Exit | typer.Abort) or not _no_memory(error):
                raise
            print_error(MemoryError("There is not enough memory. " + LESS))
            raise typer.Exit(1) from error


def _expanded(text: str) -> str:
    option, mark, value = text.partition("=") if text.startswith("--") else ("", "", text)
    return f"{option}{mark}{expand_home(value)}" if value.startswith("~") else text


def _refuse_empty(option: str, value: str) -> None:
    """Refuse `--out ""`, which would mean the current folder; a class may be called ''."""
    if option.startswith("--") and not value and option != "--target":
        raise typer.BadParameter(f"`{option}` must not be empty. Give a value, or leave it out.")


def _no_memory(error: BaseException) -> bool:
    from ..runtime import is_out_of_memory

    return is_out_of_memory(error)


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit
    return wanted


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    pass


def _app_of(names: Iterable[str]) -> typer.Typer:
    """Return the command line with some of its commands."""
    found = typer.Typer(
        cls=_Commands,
        help="Train a cluster VAE, save it in a bundle, and explain its decisions.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    found.callback()(_options)
    for name in names:
        module, function = COMMANDS[name]
        found.command(name)(getattr(import_module(f".{module}", __name__), function))
    return found


def __getattr__(name: str) -> typer.Typer:
    """Make `app`."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = whole = _app_of(COMMANDS)
    return whole


def main() -> None:
    """Run the `xai` command."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    _app_of([asked] if asked in COMMANDS else COMMANDS)()
