"""Files of predictions, each image with a name of its own."""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ltseg.core.errors import UsageError
from ltseg.nested_datasets import innermost_datasets

__all__ = ['NumberedPictures', 'check_prediction_names', 'number_pictures']

KEEPS_FOLDERS = "Evaluate with test_evaluator=dict(type='ltseg.LongTailIoU'), which keeps the folders of the images."


def check_prediction_names(runner: Runner) -> None:
    """Raises UsageError where a metric that writes predictions under an image's name alone would overwrite some."""
    metrics = [metric for metric in runner.test_evaluator.metrics if getattr(metric, 'output_dir', None)]
    if all(hasattr(metric, 'image_root') for metric in metrics):
        return
    images = defaultdict(set)
    known = (part for part in innermost_datasets(runner.test_dataloader.dataset) if hasattr(part, 'get_data_info'))
    for part in known:
        paths = (part.get_data_info(index).get('img_path') for index in range(len(part)))
        for path in filter(None, paths):
            images[Path(path).stem].add(str(path))
    twice = next((sorted(paths) for paths in images.values() if len(paths) > 1), None)
    if twice:
        raise UsageError('--out', 'images of different names', ' and '.join(twice[:2]), KEEPS_FOLDERS)


def number_pictures(runner: Runner) -> None:
    """Gives each picture of a segmentation a number: MMSegmentation 1.2.2 names them after file and iteration only."""
    draw, numbers = runner.visualizer.add_datasample, itertools.count(1)
    runner.visualizer.add_datasample = lambda *args, **options: draw(*args, **options | {'step': next(numbers)})


class NumberedPictures(Hook):
    """Draws what an image classifier predicts, with the number of the image before its name in that of the file.

    MMPretrain's hook names files after images alone, which have the same names in the folders of different classes.

    Args:
        options: Of MMPretrain's ``VisualizationHook``.
    """

    def __init__(self, **options: Any) -> None:
        self._drawing = HOOKS.build({'type': 'mmpretrain.VisualizationHook', 'enable': True, 'interval': 1, **options})
        self._seen = 0  # images, in this process

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Mapping[str, Any], outputs: Sequence[Any]
    ) -> None:
        """Draws each image as a batch of its own."""
        for image, sample in zip(data_batch['inputs'], outputs, strict=True):
            number, named = self._seen * get_world_size() + get_rank(), sample.clone()
            path = named.get('img_path')
            if path is not None:
                named.set_metainfo({'img_path': f'{number}_{Path(path).name}'})
            self._drawing.after_test_iter(runner, number, {'inputs': [image]}, [named])
            self._seen += 1
