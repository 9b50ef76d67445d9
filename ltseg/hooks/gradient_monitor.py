"""Attraction and repulsion in the gradient of the classifier, over training."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ltseg.core.checks import check_integer
from ltseg.core.gradient_components import ComponentNorms, component_norms
from ltseg.heads.classifier_watch import ClassifierWatch
from ltseg.hooks.monitor_log import MonitorLog, check_model, class_names_of
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.registry import HOOKS

__all__ = ['GradientMonitor']

FEW_CLASSES = 20  # up to which single components go to the visualisation backends
MANY_CLASSES = 200  # from which on the file has no single components


@HOOKS.register_module()
class GradientMonitor(Hook):
    """Logs the lengths of the components of each class vector's gradient, every ``interval`` iterations.

    The gradient of class vector w_i is the attraction of the samples of class i and the repulsion r_ik of those of
    every other class k (:mod:`ltseg.core.gradient_components`). It is that of the losses on logits, in the scale in
    which they are trained, before gradient clipping: of a mean over samples, and with accumulated gradients of one
    part. In segmentation the samples are the pixels of the features with the nearest labels.

    Scalars: ``gradient/attraction/<class>``, ``gradient/repulsion/<class>``; with few classes also
    ``gradient/repulsion/<class>/by/<other class>``. The file ``WORK_DIR/collapse/gradient_monitor.jsonl`` has all
    components unless there are very many classes.

    Args:
        interval: Iterations between two looks.

    Raises:
        ValueError: Before training, if the model has no single last layer with class vectors.

    Source:
        Xie et al., ARB-Loss, Neurocomputing 2023, eq. 9 and 23, Figure 5. Eq. 23 averages over all iterations of an
        epoch, here they are sampled; it prints the derivative by w_k where that by w_i is meant.

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
        ...             dataset=[sample(torch.rand(3, 8, 8), 0) for _ in range(8)], batch_size=8, num_workers=0,
        ...             sampler=dict(type='DefaultSampler'), collate_fn=dict(type='pseudo_collate')),
        ...         train_cfg=dict(by_epoch=False, max_iters=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.GradientMonitor', interval=1)], default_scope='mmpretrain',
        ...         experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        ...     header, look = map(json.loads, Path(folder, 'collapse/gradient_monitor.jsonl').read_text().splitlines())
        >>> look['attraction'][1], look['repulsion'][0]  # no sample of class 1 attracts w_1 or repels w_0
        (0.0, 0.0)
        >>> look['attraction'][0] == look['repulsion'][1] > 0  # with two classes, what draws w_0 pushes w_1 away
        True
    """

    priority = 'LOW'

    def __init__(self, interval: int = 50) -> None:
        check_integer('GradientMonitor.interval', interval, 1)
        self.interval = interval
        self._watch: ClassifierWatch | None = None
        self._log: MonitorLog | None = None

    def before_train(self, runner: Runner) -> None:
        """Opens the file."""
        check_model(runner, 'GradientMonitor')
        self._names = class_names_of(runner)
        self._log = MonitorLog(runner, 'gradient_monitor', self._names)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Starts to watch where it is time to."""
        self._close()
        if self.every_n_train_iters(runner, self.interval):
            self._watch = ClassifierWatch(unwrapped(runner), gradients=True)
            scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
            self._scale = 1.0 if scaler is None else scaler.get_scale()  # the step may change it

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Computes and logs."""
        if self._watch is None or self._log is None:
            return
        passed, labels, cosine_weight = (
            self._watch.gradient_and_input(),
            self._watch.labels(),
            self._watch.cosine_weight,
        )
        self._close()
        if passed is None:  # a frozen classifier under a loss that does not reach the features
            return
        norms = component_norms(passed[0] / self._scale, passed[1], labels, sync=True, cosine_weight=cosine_weight)
        self._write(runner, self._log, norms)

    def _write(self, runner: Runner, log: MonitorLog, norms: ComponentNorms) -> None:
        attraction, repulsion = norms.attraction.tolist(), norms.repulsion.tolist()
        point: dict[str, Any] = {'attraction': attraction, 'repulsion': repulsion}
        scalars = {f'gradient/attraction/{name}': x for name, x in zip(self._names, attraction, strict=True)}
        scalars |= {f'gradient/repulsion/{name}': x for name, x in zip(self._names, repulsion, strict=True)}
        if len(attraction) <= MANY_CLASSES:
            point['components'] = norms.components.tolist()
        if len(attraction) <= FEW_CLASSES:
            for name, row in zip(self._names, point['components'], strict=True):
                named = zip(self._names, row, strict=True)
                scalars |= {f'gradient/repulsion/{name}/by/{other}': x for other, x in named if other != name}
        log.write(runner, scalars, point)

    def after_train(self, runner: Runner) -> None:
        """Stops to watch."""
        self._close()

    def _close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
