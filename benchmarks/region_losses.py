"""Losses on regions beside a cross entropy in a LongTailSegHead against those of other packages in MMSegmentation's.

One quarter of cross entropy and three of the loss, with upsampling, accuracy and backward. The others are
MMSegmentation's DiceLoss and LovaszLoss, and those of segmentation_models.pytorch (smp). MMSegmentation's DiceLoss is
not the same sum: it flattens classes and pixels together, and counts ignored pixels.

Usage::

    python benchmarks/region_losses.py [--device cuda --batch-size 8 --amp bfloat16]
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness import IGNORED, Run, arguments_of, compare, loss_of_head, show
from mmengine.registry import MODELS
from torch import Tensor, nn

from ltseg.compat import quietly


class LossOfSMP(nn.Module):
    """A loss of segmentation_models.pytorch with the signature of MMSegmentation's."""

    def __init__(self, kind: str, loss_weight: float) -> None:
        super().__init__()
        from segmentation_models_pytorch import losses

        self.loss = getattr(losses, kind)(mode='multiclass', ignore_index=IGNORED)
        self.loss_weight, self.loss_name = loss_weight, 'loss_smp'

    def forward(self, logits: Tensor, labels: Tensor, **_: Any) -> Tensor:
        return self.loss_weight * self.loss(logits, labels)


LOSSES: dict[str, dict[str, dict]] = {
    'ltseg': {kind: dict(type=f'ltseg.{kind}Loss') for kind in ('Jaccard', 'Dice', 'Lovasz')},
    'mmseg': {
        'Dice': dict(type='mmseg.DiceLoss', use_sigmoid=False),
        'Lovasz': dict(type='mmseg.LovaszLoss', reduction='none'),
    },
    'smp': {kind: dict(type=LossOfSMP, kind=f'{kind}Loss') for kind in ('Jaccard', 'Dice', 'Lovasz')},
}


@dataclass(frozen=True)
class Case:
    """Logits (N, K, h, w) for labels (N, H, W), the loss, and the package that it is compared with."""

    logits: tuple[int, int, int, int]
    labels: tuple[int, int]
    loss: str
    other: str


def head_of(case: Case, side: str) -> Any:
    """A head whose ``loss_by_feat`` is measured; its convolutions are not used."""
    with quietly():
        import mmseg.models  # noqa: F401

    entropy, head, package = {
        'ltseg': (
            dict(type='ltseg.CrossEntropyLoss'),
            dict(type='ltseg.LongTailSegHead', head_type='FCNHead'),
            'ltseg',
        ),
        'reference': (dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True), dict(type='mmseg.FCNHead'), case.other),
    }[side]
    losses = [{**entropy, 'loss_weight': 0.25}, {**LOSSES[package][case.loss], 'loss_weight': 0.75}]
    config = dict(in_channels=4, channels=4, num_convs=1, num_classes=case.logits[1], align_corners=False)
    return MODELS.build({**config, **head, 'loss_decode': losses})


def prepare(case: Case, side: str, arguments: argparse.Namespace) -> Run:
    """``loss_by_feat`` and backward to the low-resolution logits."""
    return loss_of_head(head_of(case, side), case.logits, case.labels, arguments)


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Each loss against each package that has it; the larger shape for the losses that are fused."""
    if arguments.quick:
        shapes = [((2, 5, 6, 8), (24, 32))]
    else:
        number = arguments.batch_size
        shapes = [((number, 19, 128, 256), (512, 1024)), ((number, 150, 128, 128), (512, 512))]
    return [
        Case(*shape, loss, other)
        for shape in shapes
        for other in ('mmseg', 'smp')
        for loss in LOSSES[other]
        if loss != 'Lovasz' or shape is shapes[0]
    ]


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given, pairs=5)
    results = []
    for case in cases(arguments):
        what = f'{case.loss} + CE, {case.logits} to {case.labels} / {case.other}'
        results += compare(what, prepare, case, arguments)
    show('Losses on regions beside a cross entropy', results, arguments)


if __name__ == '__main__':
    main()
