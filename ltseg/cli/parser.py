"""The parser of a command's arguments."""

import argparse

from ltseg.cli.output import forgiving_output

__all__ = ['command_parser']


def command_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the docstring of the command as it stands there, for readers that may go away early."""
    forgiving_output()  # before the help is printed
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
