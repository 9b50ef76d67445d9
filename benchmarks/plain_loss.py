"""ARB-Loss against MMSegmentation's cross entropy, each alone on logits of the size of the labels, with backward.

What a config pays that sets ``loss_decode`` of a stock head and nothing else.

    python benchmarks/plain_loss.py
"""

import argparse
from collections.abc import Sequence

import torch
from harness import Run, arguments_of, autocast, compare, show
from mmengine.registry import MODELS

from ltseg.compat import quietly

IGNORED = 255


def prepare(shape: tuple[int, ...], side: str, arguments: argparse.Namespace) -> Run:
    """Loss and backward for logits (N, K, H, W) of this shape."""
    with quietly():
        import mmseg.models  # noqa: F401

    of_side = {'ltseg': 'ltseg.ARBLoss', 'reference': 'mmseg.CrossEntropyLoss'}
    loss = MODELS.build(dict(type=of_side[side])).to(arguments.device)
    loss_of = torch.compile(loss) if arguments.compile else loss
    logits = torch.randn(shape, device=arguments.device, requires_grad=True)
    labels = torch.randint(shape[1], (shape[0], *shape[2:]), device=arguments.device)
    labels[:, : max(shape[2] // 16, 1)] = IGNORED

    def run() -> None:
        with autocast(arguments):
            value = loss_of(logits, labels, ignore_index=IGNORED)
        value.backward()
        logits.grad = None

    return run


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given)
    results = []
    for classes, height, width, target in ((19, 512, 1024, 1.1), (150, 512, 512, None)):
        size = (16, 16) if arguments.quick else (height, width)
        shape = (arguments.batch_size, classes, *size)
        results += compare(f'ARB / CE, {shape}', prepare, shape, arguments, target, target)
    show('Plain loss, forward and backward', results, arguments)


if __name__ == '__main__':
    main()
