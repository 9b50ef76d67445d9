"""Classes that are divided into subclasses anew every few epochs."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor, nn

from ltseg.core.checks import check_integer
from ltseg.core.class_sample import ClassSample
from ltseg.core.collectives import gathered_rows
from ltseg.core.errors import InvalidValueError
from ltseg.core.reduction import all_reduced_sum
from ltseg.datasets.exact_sampling import generators_kept, seed_everything
from ltseg.heads.mixed_labels import numbers_of, targets_of
from ltseg.hooks.training_data import training_batches
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.registry import HOOKS
from ltseg.regularizers import SubclassBalancedContrastiveLoss
from ltseg.trained.measuring import labelled_features

__all__ = ['ClusterSubclasses']


@HOOKS.register_module()
class ClusterSubclasses(Hook):
    """Divides the classes of ``ltseg.SubclassBalancedContrastiveLoss`` by the features of the training data.

    It passes over the training data once each time, with the model in evaluation mode and the pipeline of training,
    without the augmentation of batches; of several views of an image, the first that the loss compares passes. What is
    drawn on the way depends on seed and iteration only, and what training draws does not depend on the pass. Images are
    clustered all, and pixels by a sample of each class.

    Args:
        begin: Epochs before the first time, in which the loss is that of supervised contrast.
        interval: Epochs from one time to the next.
        by_epoch: Whether these are epochs; otherwise iterations.
        pixels: Most pixels of each class to cluster.

    Raises:
        ValueError: If the model has not exactly one such loss, images have no numbers of their own, or training ends
            before ``begin``.

    Source:
        Hou et al., ICCV 2023; 10 and 10 of 1000 epochs for CIFAR-100-LT are those of released code, which begins after
        half of the training on ImageNet-LT, and has an interval of 5 there. The form for pixels is ours.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.runner import Runner
        >>> from mmpretrain.models import ImageClassifier
        >>> from mmpretrain.structures import DataSample
        >>> def sample(inputs, label, number):
        ...     known = DataSample(metainfo=dict(sample_idx=number)).set_gt_label(label)
        ...     return {'inputs': inputs, 'data_samples': known}
        >>> _ = torch.manual_seed(0)
        >>> model = ImageClassifier(
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(
        ...         type='ltseg.LongTailClsHead', in_channels=8, num_classes=2,
        ...         loss=dict(type='ltseg.CrossEntropyLoss'), regularizers=[
        ...             dict(type='ltseg.SubclassBalancedContrastiveLoss', least_size=2)]),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, folder, train_dataloader=dict(
        ...             dataset=[sample(torch.rand(3, 8, 8), int(n > 5), n) for n in range(8)], batch_size=4,
        ...             num_workers=0, sampler=dict(type='DefaultSampler'), collate_fn=dict(type='pseudo_collate')),
        ...         train_cfg=dict(by_epoch=True, max_epochs=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.ClusterSubclasses', begin=0)], default_scope='mmpretrain',
        ...         experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> (term,) = model.head.regularizers.terms
        >>> term.subclasses.of_images(torch.arange(8)).bincount().tolist()  # three of 6 images, and one of 2
        [4, 2, 2]
    """

    def __init__(self, begin: int = 10, interval: int = 10, by_epoch: bool = True, pixels: int = 1024) -> None:
        check_integer('ClusterSubclasses.begin', begin, 0)
        check_integer('ClusterSubclasses.interval', interval, 1)
        check_integer('ClusterSubclasses.pixels', pixels, 1)
        self.begin, self.interval, self.by_epoch, self.pixels = begin, interval, by_epoch, pixels

    def before_train(self, runner: Runner) -> None:
        """Looks for the loss, and whether its classes will be divided at all."""
        modules = unwrapped(runner).modules()
        terms = [module for module in modules if isinstance(module, SubclassBalancedContrastiveLoss)]
        if len(terms) != 1:
            hint = "Give one head regularizers=[dict(type='ltseg.SubclassBalancedContrastiveLoss')]."
            expected = 'a model with one SubclassBalancedContrastiveLoss'
            raise InvalidValueError('ClusterSubclasses', expected, f'{len(terms)}', hint)
        self._term = terms[0]
        if self.by_epoch and not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise InvalidValueError('ClusterSubclasses', 'training in epochs', 'iterations', 'Set by_epoch=False.')
        end, unit = (runner.max_epochs, 'epochs') if self.by_epoch else (runner.max_iters, 'iterations')
        if self.begin >= end:
            expected, hint = f'less than the {end} {unit} of training', 'Set an earlier begin.'
            raise InvalidValueError('ClusterSubclasses.begin', expected, repr(self.begin), hint)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Divides the classes where it is time to."""
        if self.by_epoch and batch_idx > 0:
            return
        done = (runner.epoch if self.by_epoch else runner.iter) - self.begin
        if done >= 0 and done % self.interval == 0:
            with generators_kept(), torch.no_grad():
                # The last number sets this stream apart from those of ExactResume.
                seed_everything(runner.seed, runner.iter, 2, accelerators=False)
                loader = training_batches(runner)
                model = unwrapped(runner)
                if hasattr(model, 'decode_head'):
                    self._divide_by_pixels(model, loader, runner.iter)
                else:
                    self._divide_by_images(model, loader)

    def _divide_by_images(self, model: nn.Module, loader: Iterable) -> None:
        noted: list[Tensor] = []
        loader = _noting(loader, noted, len(self._term.subclasses.temperatures))
        rows, labels = zip(self._nothing(), *self._passed(model, loader), strict=True)
        numbers = torch.cat(noted).to(rows[0].device) if noted else labels[0]
        images = torch.cat(rows), torch.cat(labels), numbers
        self._term.subclasses.divide(*(gathered_rows(each) for each in images))

    def _divide_by_pixels(self, model: nn.Module, loader: Iterable, seed: int) -> None:
        rows, labels = self._nothing()
        generator = torch.Generator(rows.device).manual_seed(seed)
        sample = ClassSample.of(rows, labels, labels, self.pixels, generator)
        counts = torch.zeros_like(self._term.subclasses.temperatures, dtype=torch.int64)
        for rows, labels in self._passed(model, loader):
            sample = sample + ClassSample.of(rows, labels, labels, self.pixels, generator)
            counts += labels.bincount(minlength=len(counts))
        sample = sample.gathered()
        self._term.subclasses.divide(sample.rows, sample.labels, counts=all_reduced_sum(counts))

    def _passed(self, model: nn.Module, loader: Iterable) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows as the loss compares them, and their labels, of one pass."""
        view = (self._term.views or [0])[0]
        for features, labels, _ in labelled_features(model, loader, 'Dividing the classes', view, cropped=True):
            yield self._term.directions_of(features), labels

    def _nothing(self) -> tuple[Tensor, Tensor]:
        """No rows, and no labels: what a process without data has."""
        rows = self._term.subclasses.temperatures.new_zeros(0, self._term.out_channels)
        return rows, rows.new_zeros(0, dtype=torch.int64)


def _noting(loader: Iterable, numbers: list[Tensor], num_classes: int) -> Iterator[Any]:
    """The batches of ``loader``, whose images' numbers it notes."""
    for batch in loader:
        found, (labels, _) = numbers_of(batch['data_samples']), targets_of(batch['data_samples'])
        if not labels.is_floating_point() and (labels >= num_classes).any():
            expected, hint = f'labels of {num_classes} classes', 'Set num_classes of the head to that of the data set.'
            raise InvalidValueError('ClusterSubclasses', expected, f'{int(labels.max())}', hint)
        if found is None:
            hint = "Keep 'sample_idx' in meta_keys of PackInputs, which has it by default."
            raise InvalidValueError('ClusterSubclasses', 'images with their numbers in the data set', 'none', hint)
        numbers.append(found)
        yield batch
