"""One image in LongTailIoU against MMSegmentation's IoUMetric, and the counting in it alone.

Usage::

    python benchmarks/confusion.py [--device cuda]
"""

import argparse
from collections.abc import Sequence

import torch
from harness import SIDES, Result, Run, arguments_of, in_turns, show

from ltseg.compat import quietly

CLASSES, IGNORED = 19, 255


def maps(size: tuple[int, int], kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A prediction and a label (1, H, W): both random, or of blocks with nine pixels of ten predicted right."""
    generator = torch.Generator().manual_seed(0)
    label, prediction = torch.randint(CLASSES, (2, 1, *size), generator=generator)
    if kind == 'blocks':
        label = label[:, ::16, ::16].repeat_interleave(16, 1).repeat_interleave(16, 2)
        prediction = prediction.where(torch.rand(label.shape, generator=generator) < 0.1, label)
    label[:, : size[0] // 16] = IGNORED
    return prediction, label


def prepare(case: tuple[tuple[int, int], str], side: str, arguments: argparse.Namespace) -> Run:
    """``process`` for one image."""
    with quietly():
        from mmseg.evaluation import IoUMetric

    from ltseg.metrics import LongTailIoU

    prediction, label = maps(*case)
    metric = {'ltseg': LongTailIoU, 'reference': IoUMetric}[side](prefix='of the benchmark')
    metric.dataset_meta = dict(classes=tuple(map(str, range(CLASSES))))
    sample = {'pred_sem_seg': {'data': prediction.to(arguments.device)}, 'gt_sem_seg': {'data': label}}

    def run() -> None:
        metric.process({}, [sample])
        metric.results.clear()

    return run


def bincount_alone(case: tuple[tuple[int, int], str], arguments: argparse.Namespace) -> Run:
    """The least that an exact matrix takes: one histogram of cells that are there already."""
    prediction, label = (part.flatten().to(arguments.device) for part in maps(*case))
    cells = label * CLASSES + prediction
    return lambda: torch.bincount(cells, minlength=256 * CLASSES)


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given)
    size = (32, 64) if arguments.quick else (1024, 2048)
    results = []
    for kind in ('random', 'blocks'):
        ours, reference = (prepare((size, kind), side, arguments) for side in SIDES)
        what = f'IoUMetric, {size[0]}x{size[1]}, {CLASSES} classes, {kind}'
        pairs = in_turns(ours, reference, arguments.pairs, arguments.device)
        results.append(Result(f'LongTailIoU / {what}', 'time', pairs, 0.05))
        pairs = in_turns(bincount_alone((size, kind), arguments), reference, arguments.pairs, arguments.device)
        results.append(Result(f'bincount alone / {what}', 'time', pairs))
    show('Confusion matrix of one image', results, arguments)


if __name__ == '__main__':
    main()
