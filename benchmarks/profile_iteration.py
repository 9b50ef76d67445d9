"""Where the time of a training iteration of DeepLabv3+ goes: data, forward, loss, backward, step.

The fused loss computes its gradient in the forward pass, so that "loss" holds what MMSegmentation has in "backward".

    python benchmarks/profile_iteration.py [--device cuda --batch-size 8]
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from harness import SIDES, arguments_of, autocast, machine
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table
from training_iteration import Case, model_of

STAGES = ('data', 'forward', 'loss', 'backward', 'step')


class Clock:
    """Seconds since the last stage ended, added up for each stage."""

    def __init__(self, device: str) -> None:
        self.device, self.seconds = device, Counter()
        self._last = self._now()

    def _now(self) -> float:
        if self.device != 'cpu':
            torch.cuda.synchronize()
        return time.perf_counter()

    def ends(self, stage: str) -> None:
        """What happened since the last call was ``stage``."""
        now = self._now()
        self.seconds[stage] += now - self._last
        self._last = now


@contextmanager
def street_images(case: Case, size: tuple[int, int]) -> Iterator[Any]:
    """A data set of four images of ``size``, with the training pipeline of Cityscapes' configs."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for kind in ('img', 'ann'):
            Path(folder, kind).mkdir()
        for index in range(4):
            blocks = generator.integers(256, size=(size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
            labels = generator.integers(case.classes, size=(size[0] // 16, size[1] // 16), dtype=np.uint8)
            Image.fromarray(blocks).resize(size[::-1]).save(f'{folder}/img/{index}.png')
            Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST).save(f'{folder}/ann/{index}.png')
        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomResize', scale=size[::-1], ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomCrop', crop_size=case.crop, cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ]
        names = tuple(map(str, range(case.classes)))
        config = dict(type='BaseSegDataset', img_suffix='.png', seg_map_suffix='.png', data_root=folder)
        folders = dict(img_path='img', seg_map_path='ann')
        yield DATASETS.build({**config, 'data_prefix': folders, 'pipeline': pipeline, 'metainfo': {'classes': names}})


def timed_heads(model: Any, clock: Clock) -> None:
    """Makes both heads tell the clock when their loss begins and ends."""
    for head in (model.decode_head, model.auxiliary_head):
        head.loss_by_feat = _timed(head.loss_by_feat, clock)


def _timed(loss_by_feat: Callable, clock: Clock) -> Callable:
    def timed(*given: Any) -> dict:
        clock.ends('forward')
        losses = loss_by_feat(*given)
        clock.ends('loss')
        return losses

    return timed


def profile(case: Case, side: str, arguments: argparse.Namespace, size: tuple[int, int]) -> list[Counter]:
    """Seconds of each stage, of each iteration but the first two."""
    model = model_of(case, side, arguments)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    clock, found = Clock(arguments.device), []
    timed_heads(model, clock)
    with street_images(case, size) as dataset:
        clock.ends('set-up')
        for iteration in range(arguments.pairs + 2):
            clock.seconds = Counter()
            samples = [dataset[(iteration + index) % 4] for index in range(arguments.batch_size)]
            data = model.data_preprocessor(pseudo_collate(samples), True)
            clock.ends('data')
            with autocast(arguments):
                loss, _ = model.parse_losses(model(**data, mode='loss'))
            clock.ends('forward')
            loss.backward()
            clock.ends('backward')
            optimizer.step()
            optimizer.zero_grad()
            clock.ends('step')
            found.append(clock.seconds)
    return found[2:]


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given, pairs=5)
    case, size = (Case(5, (32, 32)), (64, 96)) if arguments.quick else (Case(19, (512, 1024)), (1024, 2048))
    table = Table('stage', *SIDES, box=box.MARKDOWN)
    seconds = {side: profile(case, side, arguments, size) for side in SIDES}
    for stage in STAGES:
        cells = []
        for side in SIDES:
            share = sum(each[stage] for each in seconds[side]) / sum(each.total() for each in seconds[side])
            cells.append(f'{1e3 * median(each[stage] for each in seconds[side]):.1f} ms, {share:.0%}')
        table.add_row(stage, *cells)
    table.add_row('all', *(f'{1e3 * median(each.total() for each in seconds[side]):.1f} ms' for side in SIDES))
    console = Console(width=200, highlight=False)
    console.print(f'\nStages of an iteration, {case.classes} classes, crops {case.crop} of {size}', style='bold')
    console.print(f'{machine(arguments)}; batch {arguments.batch_size}, data in this process', soft_wrap=True)
    console.print(table)


if __name__ == '__main__':
    main()
