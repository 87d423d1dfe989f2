"""``happyhorse-nb demo | lab | sandbox | doctor | jobs``: parses and hands over."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from happyhorse_nb._version import __version__
from happyhorse_nb.errors import HappyHorseError


def jobs(argv: Sequence[str]) -> int:
    """Print the jobs that fit. Raises `InvalidRequest`, `LedgerError`."""
    from happyhorse_nb.api import jobs as listed
    from happyhorse_nb.api.catalog import add_filters, chosen

    parser = argparse.ArgumentParser(
        prog="happyhorse-nb jobs", description="List the jobs, newest first, with what they cost.", allow_abbrev=False
    )
    add_filters(parser, sort=True)
    print(listed(**chosen(parser.parse_args(argv))))
    return 0


def sandbox(arguments: Sequence[str]) -> int:
    """Run the embedded server until it is interrupted."""
    from happyhorse_nb.sandbox.run import main as run
    from happyhorse_nb.settings import KEY_VARIABLE, SANDBOX_KEY, home
    from happyhorse_nb.settings.account import ORIGIN_VARIABLE

    def hint(origin: str) -> str:
        return f"Use it with {ORIGIN_VARIABLE}={origin} and {KEY_VARIABLE}={SANDBOX_KEY}; Ctrl-C stops it."

    return run(list(arguments), prog="happyhorse-nb sandbox", folder=str(home() / "sandbox"), hint=hint)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="happyhorse-nb", description="Make video from a notebook.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"happyhorse-nb {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="run the quickstart notebook on the embedded server")
    demo.add_argument("--output", type=Path, default=Path("demo-output"), help="where the results go (%(default)s)")
    commands.add_parser(
        "lab",
        help="open JupyterLab on the notebooks, with the embedded server if there is no key",
        usage="happyhorse-nb lab [-h] [arguments of jupyter lab …]",
    )
    commands.add_parser("sandbox", help="run the embedded server (-h for its options)", add_help=False)
    commands.add_parser("doctor", help="say what is set up, and what is missing")
    commands.add_parser("jobs", help="list the jobs, newest first (-h for its options)", add_help=False)
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help(sys.stderr)
        return 2
    # The list, the sandbox and JupyterLab have parsers of their own, so what follows them is left to them.
    args, rest = parser.parse_known_args(argv)
    if rest and args.command not in ("sandbox", "lab", "jobs"):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    try:
        return _run(args, rest)
    except HappyHorseError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read along, such as head, has read enough. Else Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    if args.command == "demo":
        from happyhorse_nb.cli.demo import demo

        return demo(args.output)
    if args.command == "lab":
        from happyhorse_nb.cli.notebooks import lab

        return lab(rest)
    if args.command == "doctor":
        from happyhorse_nb.api.doctor import report

        for line in report():
            print(line, flush=True)
        return 0
    return sandbox(rest) if args.command == "sandbox" else jobs(rest)
