"""Makes the *_gtFine_labelTrainIds.png images that training reads from Cityscapes' official labels.

    ltseg prepare-cityscapes data/cityscapes

Takes *_gtFine_labelIds.png, or *_gtFine_polygons.json where these are missing; keeps what is already there.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.core.errors import MissingFileError
from ltseg.datasets import CityscapesDataset
from ltseg.datasets.cityscapes_labels import official_files, write_train_ids


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    parser.add_argument('data_root', type=Path, help='folder that holds gtFine/')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes (default: one for each core)')
    return parser.parse_args(arguments)


def prepare(root: Path, workers: int) -> str:
    """Makes the label images that are missing below ``root``.

    Returns:
        A sentence that says what was done.

    Raises:
        FileNotFoundError: If there are no official labels.
        ValueError: If one of them cannot be read; what was made before stays.
    """
    files = list(official_files(root))
    if not files:
        expected = f"Cityscapes' labels in the folder {str(root / 'gtFine')!r}"
        hint = CityscapesDataset.GUIDE.replace('{root}', str(root))
        raise MissingFileError('prepare_cityscapes', expected, 'none', hint)
    todo = [(source, result) for source, result in files if not result.is_file()]
    if todo:
        with ProcessPoolExecutor(max(1, min(workers, len(todo)))) as pool:
            made = pool.map(write_train_ids, *zip(*todo, strict=True), chunksize=4)
            try:
                console = Console(stderr=True)
                hidden = not console.is_terminal
                for _ in track(made, 'Making label images', len(todo), console=console, disable=hidden):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    kinds = Counter(source.suffix for source, _ in todo)
    return (
        f'{root}: made {len(todo)} label images ({kinds[".png"]} from labelIds, {kinds[".json"]} from polygons), '
        f'kept {len(files) - len(todo)}.'
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    with one_message_errors(OSError, ValueError):
        print(prepare(options.data_root, options.workers))
