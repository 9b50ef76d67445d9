"""Statistics of the training features of each class, measured before a second stage."""

from collections.abc import Iterable

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from ltseg.core.class_covariances import ClassCovariances
from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import at_least_float32
from ltseg.core.reduction import all_reduced_sum
from ltseg.heads.classifier_watch import class_vectors_of
from ltseg.hooks.training_data import training_batches
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.registry import HOOKS
from ltseg.trained.measuring import labelled_features

__all__ = ['MeasureClasses']


@HOOKS.register_module()
class MeasureClasses(Hook):
    """Passes over the training data once before training, for parts that need more of each class than its count.

    They get the mean and the covariance of the features of each class, and how often each class is taken for which:
    ``ltseg.RISDALoss`` uses all of it, ``ltseg.PrototypeClassifier`` and ``ltseg.MetaEmbeddingClassifier`` the means.
    The model is the one that was loaded, in evaluation mode; the pipeline is that of training, the augmentation of
    batches is left out. After a resume, the checkpoint has what was measured.

    Raises:
        ValueError: If the model has no such part.

    Source:
        Chen et al. (RISDA), AAAI 2022, between Stage I and Stage II; Sharma et al. (prototype classifiers), IJCAI 2023;
        Liu et al. (OLTR), CVPR 2019, whose released code does so before its second stage.

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
        ...     head=dict(
        ...         type='ltseg.LongTailClsHead', in_channels=8, num_classes=2, loss=dict(type='ltseg.RISDALoss')),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, folder, train_dataloader=dict(
        ...             dataset=[sample(torch.rand(3, 8, 8), int(index == 7)) for index in range(8)], batch_size=4,
        ...             num_workers=0, sampler=dict(type='DefaultSampler'), collate_fn=dict(type='pseudo_collate')),
        ...         train_cfg=dict(by_epoch=False, max_iters=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.MeasureClasses')], default_scope='mmpretrain',
        ...         experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> model.head.loss_module.seen.tolist()
        [7, 1]
    """

    def before_train(self, runner: Runner) -> None:
        """Measures, and hands over; the checkpoint of the stage before is loaded by now."""
        model = unwrapped(runner)
        parts = [module for module in model.modules() if hasattr(module, 'measured')]
        if not parts:
            hint = "Give a head loss=dict(type='ltseg.RISDALoss'), or remove the hook."
            expected = 'a model with RISDALoss, PrototypeClassifier or MetaEmbeddingClassifier'
            raise InvalidValueError('MeasureClasses', expected, type(model).__name__, hint)
        for part in parts if runner.iter == 0 else ():
            part.measured(*_measured(model, training_batches(runner), part.covariance))


def _measured(model: nn.Module, loader: Iterable, covariance: str) -> tuple[ClassCovariances, Tensor]:
    vectors, diagonal = class_vectors_of(model), covariance == 'diagonal'
    number, nothing = len(vectors), vectors.new_zeros(0, dtype=torch.int64)
    statistics = ClassCovariances.of(at_least_float32(vectors[:0]), nothing, number, diagonal)
    confusion = nothing.new_zeros(number, number)
    for rows, labels, logits in labelled_features(model, loader, 'Measuring the classes', cropped=True):
        statistics = statistics + ClassCovariances.of(rows, labels, number, diagonal)
        confusion += torch.bincount(labels * number + logits.argmax(1), minlength=number**2).view_as(confusion)
    return statistics.all_reduced(), all_reduced_sum(confusion)
