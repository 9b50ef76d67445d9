"""How close features and classifier are to neural collapse, over training."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ltseg.core.checks import check_integer
from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse_summary import collapse_summary
from ltseg.core.features import stratified_sample
from ltseg.core.reduction import world_size
from ltseg.heads.classifier_watch import ClassifierWatch, class_vectors_of
from ltseg.hooks.monitor_log import MonitorLog, check_model, class_names_of
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.registry import HOOKS

__all__ = ['CollapseMonitor']


@HOOKS.register_module()
class CollapseMonitor(Hook):
    """Logs the figures of neural collapse every ``interval`` iterations, from features that training computes anyway.

    They are of the classifier as it is, and of the features of the last ``batches`` batches, in training mode and
    before dropout, of which ``samples`` each are kept, with as many of rare classes as of frequent ones where possible;
    features and classifier move meanwhile. Where that makes fewer than two samples of a class on average, only the
    figures of the classifier are logged: raise ``batches`` then. ltseg collapse computes the same figures
    for a checkpoint from all images.

    Scalars: ``collapse/<figure>`` with the names of :class:`ltseg.core.collapse_summary.CollapseSummary`, and
    ``collapse/optimal_angle``. The file ``WORK_DIR/collapse/collapse_monitor.jsonl`` has the numbers of each class too.
    The random numbers of the training run are not touched.

    Args:
        interval: Iterations between two lines.
        batches: How many of the last batches of an interval give features.
        samples: Samples of a batch of all processes.
        literal: Whether B_D and B_A have the normaliser printed in the ARB-Loss paper.

    Raises:
        ValueError: Before training, if the model has no single last layer with class vectors.

    Example:
        >>> import json, tempfile, torch
        >>> from pathlib import Path
        >>> from mmengine.runner import Runner
        >>> from mmpretrain.models import ImageClassifier
        >>> from mmpretrain.structures import DataSample
        >>> def sample(inputs, label):
        ...     return {'inputs': inputs, 'data_samples': DataSample().set_gt_label(label)}
        >>> _ = torch.manual_seed(0)
        >>> model = ImageClassifier(
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(
        ...         type='mmpretrain.LinearClsHead', in_channels=8, num_classes=2,
        ...         loss=dict(type='ltseg.CrossEntropyLoss')),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, folder, train_dataloader=dict(
        ...             dataset=[sample(torch.rand(3, 8, 8), index % 2) for index in range(8)], batch_size=8,
        ...             num_workers=0, sampler=dict(type='DefaultSampler'), collate_fn=dict(type='pseudo_collate')),
        ...         train_cfg=dict(by_epoch=False, max_iters=2), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.CollapseMonitor', interval=2)], default_scope='mmpretrain',
        ...         experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        ...     header, look = map(json.loads, Path(folder, 'collapse/collapse_monitor.jsonl').read_text().splitlines())
        >>> header['class_names'], look['iteration'], look['figures']['nc1'] > 0
        (['0', '1'], 2, True)
    """

    priority = 'LOW'

    def __init__(self, interval: int = 50, batches: int = 4, samples: int = 1024, literal: bool = False) -> None:
        for name, value in (('interval', interval), ('batches', batches), ('samples', samples)):
            check_integer(f'CollapseMonitor.{name}', value, 1)
        self.interval, self.batches, self.samples, self.literal = interval, min(batches, interval), samples, literal
        self._watch: ClassifierWatch | None = None
        self._log: MonitorLog | None = None
        self._sample: ClassSample | None = None

    def before_train(self, runner: Runner) -> None:
        """Opens the file."""
        check_model(runner, 'CollapseMonitor')
        self._log = MonitorLog(runner, 'collapse_monitor', class_names_of(runner))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Starts to watch near the end of an interval."""
        self._close()
        if runner.iter % self.interval >= self.interval - self.batches:
            self._watch = ClassifierWatch(unwrapped(runner))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Keeps features; computes and logs at the end of an interval."""
        if self._watch is None or self._log is None:
            return
        taken = self._take(self._watch, seed=runner.iter)
        self._close()
        self._sample = taken if self._sample is None else self._sample + taken
        if self.every_n_train_iters(runner, self.interval):
            sample, self._sample = self._sample.gathered(), None
            if runner.rank == 0:
                self._write(runner, self._log, sample)

    def _take(self, watch: ClassifierWatch, seed: int) -> ClassSample:
        labels = watch.labels()
        known = (labels < watch.num_classes).nonzero().squeeze(1)
        generator = torch.Generator(labels.device).manual_seed(seed)
        number = max(self.samples // world_size(), 1)
        chosen = known[stratified_sample(labels[known], number, generator)]
        predictions = watch.logits(chosen).argmax(1)
        return ClassSample.of(
            watch.features(chosen), labels[chosen], predictions, self.samples * self.batches, generator
        )

    def _write(self, runner: Runner, log: MonitorLog, sample: ClassSample) -> None:
        vectors = class_vectors_of(unwrapped(runner))
        if len(sample.labels) < 2 * len(sample.labels.unique()):  # that says nothing about features
            sample = ClassSample.of(sample.rows[:0], sample.labels[:0], sample.labels[:0], sample.per_class)
        statistics = ClassStatistics.of(sample.rows, sample.labels, len(vectors))
        summary = collapse_summary(statistics, sample, vectors, self.literal)
        scalars = {f'collapse/{name}': value for name, value in summary.figures.items()}
        scalars['collapse/optimal_angle'] = summary.optimal_angle
        classes = {name: values.tolist() for name, values in summary.classes.items()}
        log.write(runner, scalars, {'figures': summary.figures, 'classes': classes})

    def after_train(self, runner: Runner) -> None:
        """Stops to watch."""
        self._close()

    def _close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
