"""The flag by which people let files run code."""

from argparse import ArgumentParser

from ltseg.checkpoint_files.loading import TRUST_FLAG

__all__ = ['add_trust_argument']


def add_trust_argument(parser: ArgumentParser) -> None:
    """Adds the flag, which is the same in every command that loads a checkpoint."""
    text = 'load checkpoints, and configs kept beside records, that hold code, and run it; otherwise they are refused'
    parser.add_argument(TRUST_FLAG, action='store_true', help=text)
