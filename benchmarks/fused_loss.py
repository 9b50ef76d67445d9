"""ARB-Loss in a LongTailSegHead against cross entropy in MMSegmentation's: upsampling, loss, accuracy and backward.

On the CPU the fused loss is computed in bands; on a GPU its two paths are measured, Triton kernels and bands.

Usage::

    python benchmarks/fused_loss.py [--device cuda --batch-size 8 --amp bfloat16 --compile]
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from harness import Result, Run, arguments_of, compare, in_turns, loss_of_head, show
from mmengine.registry import MODELS

from ltseg.compat import quietly


@dataclass(frozen=True)
class Case:
    """Logits (N, K, h, w) for labels (N, H, W), and the path of the fused loss, 'bands' or 'triton'."""

    logits: tuple[int, int, int, int]
    labels: tuple[int, int]
    path: str


def head_of(case: Case, side: str) -> Any:
    """A head whose ``loss_by_feat`` is measured; its convolutions are not used."""
    with quietly():
        import mmseg.models  # noqa: F401

    loss, kind = {
        'ltseg': (
            dict(type='ltseg.ARBLoss'),
            dict(type='ltseg.LongTailSegHead', head_type='FCNHead', fused=case.path),
        ),
        'reference': (dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True), dict(type='mmseg.FCNHead')),
    }[side]
    config = dict(in_channels=4, channels=4, num_convs=1, num_classes=case.logits[1], align_corners=False)
    return MODELS.build({**config, **kind, 'loss_decode': loss})


def prepare(case: Case, side: str, arguments: argparse.Namespace) -> Run:
    """``loss_by_feat`` and backward to the low-resolution logits."""
    return loss_of_head(head_of(case, side), case.logits, case.labels, arguments)


def cases(arguments: argparse.Namespace) -> list[tuple[Case, float, float]]:
    """Each case with the ratios of time and of memory to reach."""
    if arguments.quick:
        return [(Case((2, 5, 6, 8), (24, 32), 'bands'), 0.35, 0.15)]
    number = arguments.batch_size
    shapes = ((number, 19, 128, 256), (512, 1024)), ((number, 150, 128, 128), (512, 512))
    if arguments.device == 'cpu':
        targets = (0.35, 0.15), (0.75, 0.08)
        return [(Case(*shape, 'bands'), *reached) for shape, reached in zip(shapes, targets, strict=True)]
    return [(Case(*shape, path), 1.0, 0.25) for shape in shapes for path in ('triton', 'bands')]


def least(case: Case, arguments: argparse.Namespace) -> Result:
    """Time against that of moving only what must be moved: logits and labels in, the logits' gradient out."""
    element = 4 if arguments.amp == 'none' else 2
    pixels = case.logits[0] * case.labels[0] * case.labels[1]
    size = 2 * element * torch.Size(case.logits).numel() + 8 * pixels
    source = torch.empty(size // 2, dtype=torch.uint8, device=arguments.device)  # a copy reads and writes it
    target = torch.empty_like(source)
    pairs = in_turns(prepare(case, 'ltseg', arguments), lambda: target.copy_(source), arguments.pairs, arguments.device)
    return Result(f'ltseg, {case.path} / copying {size / 1e6:.0f} MB', 'time', pairs)


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given)
    results = []
    for case, time_target, memory_target in cases(arguments):
        what = f'ARB / CE, {case.logits} to {case.labels}, {case.path}'
        results += compare(what, prepare, case, arguments, time_target, memory_target)
        if arguments.device != 'cpu' and arguments.only in what:
            results.append(least(case, arguments))
    show('Fused loss: upsampling, loss, accuracy, backward', results, arguments)


if __name__ == '__main__':
    main()
