"""Covariances that are learned by what a step with them does to the loss on balanced classes."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.func import functional_call

from ltseg.core.checks import check_integer, check_range
from ltseg.core.collectives import summed
from ltseg.core.errors import InvalidValueError
from ltseg.core.reduction import all_reduced_sum, world_size
from ltseg.counts.running_state import RunningState
from ltseg.datasets.exact_sampling import generators_kept
from ltseg.hooks.training_data import endless_batches
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.losses import ISDALoss
from ltseg.registry import HOOKS

__all__ = ['MetaCovariances']


@HOOKS.register_module()
class MetaCovariances(Hook):
    """The meta step of MetaSAug, before each iteration of a model under ``ltseg.ISDALoss``::

        theta' = theta - eta dL(theta, Sigma) / dtheta                       on the batch of the iteration
        Sigma' = Sigma - meta_lr dL_ce(theta', balanced batch) / dSigma

    L are all losses of the model, eta is the learning rate of each parameter, and L_ce the losses with plain cross
    entropy in place of ISDA and its rules. The iteration itself has Sigma', the next one begins with the statistics of
    the features again. Nothing else of the model changes: running statistics of normalisations follow the iteration
    alone.

    It passes through the model twice more, and back through both passes at once, whose graphs it keeps in memory.

    Args:
        meta_lr: Step in Sigma, at least 0.
        batch_size: Of the balanced batches; None is that of training.
        sampler: Config of the sampler that draws them from the training data; None is ``ltseg.ClassBalancedSampler``.

    Raises:
        ValueError: If the model has not exactly one loss of this kind.

    Source:
        Li et al., MetaSAug: Meta Semantic Augmentation for Long-Tailed Visual Recognition, CVPR 2021, eq. 5, as in
        released code, where Sigma' serves one iteration. Balanced batches are there drawn from 10 further images of
        each class on CIFAR and ImageNet-LT, and from 2 training images of each class on iNaturalist 2018. Here they
        are training images, so that no image is learned that other methods do not have, which is ours. The images of
        an iteration are augmented anew for its meta step.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.runner import Runner
        >>> from mmpretrain.models import ImageClassifier
        >>> from mmpretrain.structures import DataSample
        >>> def sample(inputs, label):
        ...     return {'inputs': inputs, 'data_samples': DataSample().set_gt_label(label)}
        >>> _ = torch.manual_seed(0)
        >>> model = ImageClassifier(
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(type='ltseg.LongTailClsHead', in_channels=8, num_classes=2, loss=dict(type='ltseg.ISDALoss')),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> class Images(list):  # as data sets of MMPretrain say which class an image is of
        ...     def get_gt_labels(self):
        ...         return [int(each['data_samples'].gt_label) for each in self]
        >>> loader = dict(
        ...     dataset=Images(sample(torch.rand(3, 8, 8), int(index == 7)) for index in range(8)), batch_size=8,
        ...     num_workers=0, sampler=dict(type='DefaultSampler'), collate_fn=dict(type='pseudo_collate'))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, folder, train_dataloader=loader, train_cfg=dict(by_epoch=False, max_iters=2),
        ...         optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.MetaCovariances', batch_size=4)],
        ...         default_scope='mmpretrain', experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> model.head.loss_module.seen.tolist()  # those of the iterations alone
        [14, 2]
    """

    short_name = 'meta covariances'

    def __init__(self, meta_lr: float = 0.1, batch_size: int | None = None, sampler: dict | None = None) -> None:
        check_range('MetaCovariances.meta_lr', meta_lr, 0)
        if batch_size is not None:
            check_integer('MetaCovariances.batch_size', batch_size, 1)
        self.meta_lr, self.batch_size = meta_lr, batch_size
        self.sampler = {'type': 'ltseg.ClassBalancedSampler'} if sampler is None else sampler

    def before_train(self, runner: Runner) -> None:
        """Begins to draw balanced batches."""
        losses = [module for module in unwrapped(runner).modules() if isinstance(module, ISDALoss)]
        if len(losses) != 1:
            hint = "Give the head loss=dict(type='ltseg.ISDALoss'), or remove the hook."
            raise InvalidValueError('MetaCovariances', 'a model with one ISDALoss', f'{len(losses)}', hint)
        self._loss = losses[0]
        self._batches = endless_batches(runner, self.sampler, self.batch_size)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Takes the meta step."""
        model, loss = unwrapped(runner), self._loss
        covariances = loss.statistics.covariances.clone().requires_grad_()
        trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        rates = {id(p): group['lr'] for group in runner.optim_wrapper.param_groups for p in group['params']}
        state = {name: value.clone() for name, value in model.named_buffers()}
        running = [(part, part.get_extra_state().clone()) for part in model.modules() if isinstance(part, RunningState)]
        with generators_kept():
            balanced = next(self._batches)
        loss.replaced = covariances
        try:
            total = _total(model, {**trained, **state}, data_batch)
            gradients = torch.autograd.grad(total, [*trained.values()], create_graph=True, allow_unused=True)
            stepped = {
                name: value if slope is None else value - rates.get(id(value), 0.0) * summed(slope) / world_size()
                for (name, value), slope in zip(trained.items(), gradients, strict=True)
            }
            loss.plain = True
            total = _total(model, {**stepped, **state}, balanced)
            (slope,) = torch.autograd.grad(total, covariances)
        finally:
            loss.plain = False
            for part, known in running:
                part.set_extra_state(known)
        loss.replaced = covariances.detach() - self.meta_lr * all_reduced_sum(slope) / world_size()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Goes back to the statistics of the features."""
        self._loss.replaced = None


def _total(model: Any, tensors: dict[str, Tensor], batch: Any) -> Tensor:
    """The sum of the losses of a batch, with other parameters and buffers."""
    data = model.data_preprocessor(batch, True)
    return model.parse_losses(functional_call(model, tensors, (), {**data, 'mode': 'loss'}))[0]
