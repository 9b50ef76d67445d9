"""Writes MiniCity: small generated street scenes in Cityscapes' folders, with its 19 classes and skewed pixel shares.

Usage::

    ltseg minicity data/minicity
    ltseg minicity data/minicity_even --skew 0
"""

import ltseg.compat  # noqa: F401  isort: skip
from collections.abc import Sequence
from dataclasses import fields

from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.datasets.minicity.scenes import StreetScenes


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the arguments, each a setting of ``StreetScenes``, and writes the scenes."""
    parser = command_parser(__doc__)
    parser.add_argument('folder', help='where to write; scenes with the same settings there are kept')
    for field in fields(StreetScenes):
        number = type(field.default)
        parser.add_argument(f'--{field.name}', type=number, default=field.default, help=f'default: {field.default}')
    settings = vars(parser.parse_args(arguments))
    folder = settings.pop('folder')
    with one_message_errors(OSError):
        written = StreetScenes(**settings).write(folder)
    print(f'{"Wrote" if written else "Already there:"} {folder}')
