"""Training iterations of DeepLabv3+ with an auxiliary head: ARB-Loss in LongTailSegHeads against MMSegmentation's own.

ResNet-18 on a CPU, ResNet-50 on a GPU. The data are there; the optimizer's step is part of it.

    python benchmarks/training_iteration.py [--device cuda --batch-size 8 --amp bfloat16 --compile]
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from harness import Run, arguments_of, autocast, compare, show
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.structures import PixelData

from ltseg.compat import quietly

MODEL = Path(__file__).parents[1] / 'configs/_base_/models/deeplabv3plus_r50-d8.py'
RESNET18 = dict(
    backbone=dict(depth=18),
    decode_head=dict(in_channels=512, channels=128, c1_in_channels=64, c1_channels=12),
    auxiliary_head=dict(in_channels=256, channels=64),
)
IGNORED = 255


@dataclass(frozen=True)
class Case:
    """Number of classes, and size of the crops (H, W)."""

    classes: int
    crop: tuple[int, int]


def model_of(case: Case, side: str, arguments: argparse.Namespace, **head_options: Any) -> Any:
    """The segmentor in training mode, its weights random and the same on both sides.

    ``head_options`` are further ones of the decode head.
    """
    with quietly():
        from mmseg.utils import register_all_modules

        register_all_modules(init_default_scope=True)
    config = Config.fromfile(MODEL).model
    if arguments.device == 'cpu':
        for part, changes in RESNET18.items():
            config[part].update(changes)
    config.pretrained, norm = None, dict(type='BN', requires_grad=True)
    config.backbone.norm_cfg, config.data_preprocessor.size = norm, case.crop
    for head in (config.decode_head, config.auxiliary_head):
        weight = head.loss_decode.get('loss_weight', 1.0)
        head.update(num_classes=case.classes, norm_cfg=norm, loss_decode=dict(type='ltseg.ARBLoss', loss_weight=weight))
        if side == 'reference':
            head.type = head.pop('head_type')
            head.loss_decode = dict(type='CrossEntropyLoss', loss_weight=weight, avg_non_ignore=True)
    config.decode_head.update(head_options)
    torch.manual_seed(0)
    return MODELS.build(config).to(arguments.device).train()


def random_batch(case: Case, arguments: argparse.Namespace) -> dict:
    """Images of noise with random labels, as a loader gives them."""
    from mmseg.structures import SegDataSample

    labels = torch.randint(case.classes, (arguments.batch_size, 1, *case.crop))
    labels[:, :, : max(case.crop[0] // 16, 1)] = IGNORED
    images = torch.randint(256, (arguments.batch_size, 3, *case.crop), dtype=torch.uint8)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label), metainfo={}) for label in labels]
    return {'inputs': list(images), 'data_samples': samples}


def step_of(model: Any, arguments: argparse.Namespace) -> Callable[[dict], None]:
    """Forward, loss, backward and the step of SGD with momentum."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    forward = torch.compile(model) if arguments.compile else model

    def step(data: dict) -> None:
        with autocast(arguments):
            losses = forward(**data, mode='loss')
        loss, _ = model.parse_losses(losses)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def prepare(case: Case, side: str, arguments: argparse.Namespace) -> Run:
    """One iteration on a batch that is on the device."""
    model = model_of(case, side, arguments)
    data = model.data_preprocessor(random_batch(case, arguments), True)
    step = step_of(model, arguments)
    return lambda: step(data)


def cases(arguments: argparse.Namespace) -> list[tuple[Case, float, float]]:
    """Each case with the ratios of time and of memory to reach."""
    if arguments.quick:
        return [(Case(5, (32, 32)), 0.95, 0.75)]
    return [(Case(150, (512, 512)), 0.95, 0.75), (Case(19, (512, 1024)), 1.0, 1.0)]


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given, pairs=5)
    results = []
    for case, time_target, memory_target in cases(arguments):
        what = f'ARB / CE, {case.classes} classes, {case.crop[0]}x{case.crop[1]}, batch {arguments.batch_size}'
        results += compare(what, prepare, case, arguments, time_target, memory_target, warm_up=1)
    name = 'ResNet-18' if arguments.device == 'cpu' else 'ResNet-50'
    show(f'Training iteration of DeepLabv3+ on {name} with an auxiliary head', results, arguments)


if __name__ == '__main__':
    main()
