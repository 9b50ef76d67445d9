"""Copies a config that comes with ltseg, with the configs that it inherits from, to change it.

    ltseg cp deeplabv3plus_arb_camvid.py .
    ltseg cp deeplabv3plus_arb_camvid.py my_config.py
    ltseg cp resnet32_arb_cifar10lt100.py experiments

Configs that it inherits from go beside it, and their parts to _base_/ there. Files that are already there and differ
are kept, unless --force is given. ``ltseg configs`` lists what can be copied.
"""

import ast
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ltseg.cli.config_catalog import catalog, config_folder, find_config
from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.core.checks import near
from ltseg.core.errors import ExistingFileError, UsageError
from ltseg.core.files import atomic_write

__all__ = ['bases_of', 'copies', 'main']

PARTS = '_base_'  # the folder of what configs are made of


def bases_of(source: str) -> dict[str, str]:
    """What a config names in ``_base_``, one text or a list; each with the piece of the source that spells it."""
    found = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == '_base_':
            for node in ast.walk(statement.value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found[node.value] = ast.get_source_segment(source, node) or ''
    return found


def copies(path: Path, target: Path) -> dict[Path, str]:
    """The text of each file that makes up the copy of a config.

    Args:
        path: The config.
        target: Its copy.

    Returns:
        Texts by path; where files lie otherwise to each other than the originals, ``_base_`` says so.

    Raises:
        UsageError: If the copy would take the place of a config that it inherits from.
    """
    places, waiting = {path: target}, [path]  # where each file's copy goes; files whose bases are not looked at yet
    while waiting:
        new = [base for base in _inherited(waiting.pop()) if base not in places]
        places |= {base: _place(base, target.parent) for base in new}
        waiting += new
    if len(set(places.values())) < len(places):
        hint = f'{path.name} inherits from it.'
        raise UsageError('DEST', 'another name than that of a base', repr(target.name), hint)
    return {place: _moved(file, place, places) for file, place in places.items()}


def _inherited(file: Path) -> list[Path]:
    return [(file.parent / name).resolve() for name in bases_of(file.read_text(encoding='utf-8'))]


def _place(base: Path, folder: Path) -> Path:
    """Where a base is copied to: the folders of tasks become one, that of parts stays."""
    inside = base.relative_to(config_folder().resolve())
    return folder / (inside if inside.parts[0] == PARTS else inside.name)


def _moved(file: Path, place: Path, places: Mapping[Path, Path]) -> str:
    """The text of ``file`` with the bases as they lie from ``place``."""
    text = file.read_text(encoding='utf-8')
    for name, spelled in bases_of(text).items():
        moved = Path(os.path.relpath(places[(file.parent / name).resolve()], place.parent))
        if Path(name) != moved:
            text = text.replace(spelled, repr(moved.as_posix()), 1)
    return text


def write(texts: Mapping[Path, str], force: bool) -> None:
    """Writes the files that are not there yet.

    Raises:
        ExistingFileError: If files are there that differ, and ``force`` is not set. Nothing is written then.
    """
    changed = [place for place in texts if place.is_file() and place.read_text(encoding='utf-8') != texts[place]]
    if changed and not force:
        names = ', '.join(map(str, changed))
        raise ExistingFileError('DEST', 'no other files of these names', names, '--force overwrites them.')
    for place, text in texts.items():
        if place in changed or not place.exists():
            with atomic_write(place) as draft:
                draft.write_text(text, encoding='utf-8')


def copy(name: str, destination: str, force: bool) -> Path:
    """Copies a config and what it inherits from; returns the path of its copy."""
    known = catalog()
    found = find_config(name, known)
    if found is None:
        hint = near(name, (config.path.name for config in known), 3) + ' ltseg configs lists all.'
        raise UsageError('NAME', 'a config that comes with ltseg', repr(name), hint.strip())
    target = Path(destination)
    if target.suffix != '.py':
        target /= found.path.name
    write(copies(found.path.resolve(), target), force)
    return target


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser(__doc__)
    parser.add_argument('name', metavar='NAME', help='config that comes with ltseg')
    parser.add_argument('destination', metavar='DEST', help='folder to copy it to, or name of the copy (*.py)')
    parser.add_argument('--force', action='store_true', help='overwrite files that are there and differ')
    options = parser.parse_args(arguments)
    with one_message_errors(OSError):
        print(f'Copied. Train it: ltseg train {copy(options.name, options.destination, options.force)}')
