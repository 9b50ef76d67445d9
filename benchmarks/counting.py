"""Counting the labels of a data set against decoding them alone, with the same number of worker processes.

    python benchmarks/counting.py [--threads 2]

Decoding alone is Pillow's, into memory of its own; and as MMSegmentation's pipeline does it, into an array.
``--threads`` is the number of workers.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from harness import Result, arguments_of, in_turns, show
from mmcv import imfrombytes
from PIL import Image

from ltseg.counts.label_files import LabelFile, count_label_files

CLASSES, IGNORED = 19, 255


@contextmanager
def label_files(number: int, size: tuple[int, int]) -> Iterator[list[str]]:
    """PNG files of about 9 kB, as those of Cityscapes: large regions with small objects in them."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f'{index}.png') for index in range(number)]
        for path in paths:
            regions = generator.integers(CLASSES, size=(8, 16), dtype=np.uint8)
            label = regions.repeat(size[0] // 8, 0).repeat(size[1] // 16, 1)
            for _ in range(300):
                top, left = generator.integers(size[0]), generator.integers(size[1])
                height, width = generator.integers(2, max(size[0] // 12, 3), 2)
                label[top : top + height, left : left + width] = generator.integers(CLASSES + 1)
            label[label == CLASSES] = IGNORED
            Image.fromarray(label).save(path)
        yield paths


def decode(path: str) -> None:
    """Decodes a file."""
    with Image.open(path) as image:
        image.load()


def decode_to_array(path: str) -> None:
    """Decodes a file as MMSegmentation's LoadAnnotations does, without its conversion to int64."""
    imfrombytes(Path(path).read_bytes(), flag='unchanged', backend='pillow')


def in_workers(function: Callable[[str], None], paths: Sequence[str], workers: int) -> None:
    """Calls ``function`` for every path, in the chunks in which the counting calls its own."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(function, paths, chunksize=max(1, min(8, len(paths) // (4 * workers)))))


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given, pairs=5)
    number, size = (4, (32, 64)) if arguments.quick else (500, (1024, 2048))
    results = []
    with label_files(number, size) as paths:
        files = [LabelFile(path) for path in paths]
        for what, function in (('decoding', decode), ('decoding to arrays', decode_to_array)):
            seconds = in_turns(
                lambda: count_label_files(files, CLASSES, IGNORED, arguments.threads),
                lambda function=function: in_workers(function, paths, arguments.threads),
                arguments.pairs,
                warm_up=1,
            )
            what = f'counting / {what}, {number} PNGs of {size[0]}x{size[1]}, {arguments.threads} workers'
            results.append(Result(what, 'throughput', seconds.rates(number), 0.9))
    show('Counting labels', results, arguments)


if __name__ == '__main__':
    main()
