"""Frozen experts beside a model in training, for a loss that learns from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.reduction import all_reduced_sum
from ltseg.hooks.training_data import validation_batches
from ltseg.hooks.validation_recall import ValidationRecall
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.losses import LFMELoss
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import HOOKS
from ltseg.trained.experts import Expert, check_partition, load_expert

__all__ = ['LearnFromExperts']


@HOOKS.register_module()
class LearnFromExperts(Hook):
    """Lets ``ltseg.LFMELoss`` learn from experts, each trained on some of the classes, which stay as they are.

    Before training it loads them and measures what each gets right of its own classes in validation. In training they
    see each batch as the model does, augmented and in its precision. They are no part of the model, of its checkpoints
    and of evaluation. What the student gets right is measured by ``ltseg.ValidationRecall(rate='Acc')``, which must be
    there, too.

    Args:
        experts: Checkpoints of the experts' training runs; or ``dict(checkpoint='...', classes=[...], model=dict())``
            where the file does not name the classes, or the expert is another model.
        model: Config of the experts, whose ``num_classes`` becomes that of each; None is the ``model`` of the config.

    Raises:
        FileNotFoundError: Before training, if a checkpoint is missing.
        ValueError: Before training, if an expert is of other classes or of another model, if a class is known to none
            or to two of them, or if the loss or the other hook is missing.

    Source:
        Xiang et al. (LFME), ECCV 2020, section 4.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.runner import Runner
        >>> from mmpretrain.models import ImageClassifier
        >>> from mmpretrain.structures import DataSample
        >>> def config(number, **head):
        ...     return dict(
        ...         backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...         neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...         head=dict(type='ltseg.LongTailClsHead', in_channels=8, num_classes=number, **head),
        ...         data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> class Images(list):
        ...     metainfo = {'classes': ('cat', 'dog', 'owl', 'yak')}
        >>> images = Images(
        ...     {'inputs': torch.rand(3, 8, 8), 'data_samples': DataSample().set_gt_label(label)}
        ...     for label in (0, 0, 0, 1, 2, 3))
        >>> data = dict(
        ...     dataset=images, batch_size=3, num_workers=0, sampler=dict(type='DefaultSampler'),
        ...     collate_fn=dict(type='pseudo_collate'))
        >>> loss = dict(type='ltseg.LFMELoss', counts=[3, 1, 1, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     paths = []
        ...     for classes in (('cat', 'dog'), ('owl', 'yak')):
        ...         paths.append(f'{folder}/{classes[0]}.pth')
        ...         trained = ImageClassifier(**config(2, loss=dict(type='ltseg.CrossEntropyLoss'))).state_dict()
        ...         torch.save({'state_dict': trained, 'meta': {'dataset_meta': {'classes': classes}}}, paths[-1])
        ...     runner = Runner(
        ...         ImageClassifier(**config(4, loss=loss)), folder, train_dataloader=data, val_dataloader=data,
        ...         val_cfg=dict(), val_evaluator=dict(type='ltseg.LongTailAccuracy', counts=[3, 1, 1, 1]),
        ...         train_cfg=dict(by_epoch=True, max_epochs=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[
        ...             dict(type='ltseg.ValidationRecall', rate='Acc'),
        ...             dict(type='ltseg.LearnFromExperts', experts=paths, model=dict(
        ...                 type='mmpretrain.ImageClassifier', **config(4, loss=loss)))],
        ...         default_scope='mmpretrain', experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> bool(runner.message_hub.get_scalar('train/loss').current() > 0)
        True
    """

    priority = 'LOW'  # behind ValidationRecall, which says whether there is a validation

    def __init__(self, experts: Sequence[str | Mapping[str, Any]], model: Mapping[str, Any] | None = None) -> None:
        listed = experts if isinstance(experts, list | tuple) else ()
        self.experts = [{'checkpoint': each} if isinstance(each, str) else each for each in listed]
        if not self.experts or not all(map(_is_expert, self.experts)):
            expected = "a list of checkpoints, or of dict(checkpoint='...', classes=[...], model=dict(...))"
            raise InvalidValueError('LearnFromExperts.experts', expected, repr(experts))
        self.model = model

    def before_train(self, runner: Runner) -> None:
        """Loads and measures the experts."""
        model = unwrapped(runner)
        self._losses = [module for module in model.modules() if isinstance(module, LFMELoss)]
        if not self._losses:
            hint = "Give the head the loss dict(type='ltseg.LFMELoss'), or remove the hook."
            raise InvalidValueError('LearnFromExperts', 'a model with LFMELoss', type(model).__name__, hint)
        if not any(isinstance(hook, ValidationRecall) and hook.rate == 'Acc' for hook in runner.hooks):
            hint = "Add dict(type='ltseg.ValidationRecall', rate='Acc') to custom_hooks."
            raise InvalidValueError('LearnFromExperts', 'a hook that follows the accuracy of the student', 'none', hint)
        self._loaded = self._load(runner)
        right, missed = _outcomes(self._loaded, runner)
        for loss in self._losses:
            loss.meet([expert.classes for expert in self._loaded], right, missed)
        for expert, accuracy in zip(self._loaded, self._losses[0].accuracies.tolist(), strict=True):
            what = f'{expert.name}, {len(expert.classes)} classes: accuracy {100 * accuracy:.2f} % among them'
            print_log(f'Expert {what}.', 'current')
        self._handle = model.register_forward_pre_hook(self._teach, with_kwargs=True)

    def _load(self, runner: Runner) -> list[Expert]:
        names, device = dataset_classes(runner.train_loop.dataloader.dataset), next(runner.model.parameters()).device
        given = [{'model': self.model or runner.cfg.get('model'), **each} for each in self.experts]
        if not all(isinstance(each['model'], Mapping) for each in given):
            hint = 'Give LearnFromExperts(model=dict(...)), the config of the experts.'
            raise InvalidValueError('LearnFromExperts.model', 'a config', 'none', hint)
        experts = [load_expert(class_names=names, device=device, **each) for each in given]
        check_partition(experts, names)
        return experts

    def _teach(self, _: Any, arguments: tuple, named: dict[str, Any]) -> None:
        """Lets the experts see the images of which the model is about to compute its losses."""
        if named.get('mode') == 'loss':
            inputs = named['inputs'] if 'inputs' in named else arguments[0]
            lessons = tuple(expert.logits(inputs) for expert in self._loaded)
            for loss in self._losses:
                loss.lessons = lessons

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Forgets the batch."""
        for loss in self._losses:
            loss.lessons = None

    def after_train(self, runner: Runner) -> None:
        """Takes the experts away."""
        self._handle.remove()


def _is_expert(entry: Any) -> bool:
    if not isinstance(entry, Mapping) or not {'checkpoint'} <= {*entry} <= {'checkpoint', 'classes', 'model'}:
        return False
    return isinstance(entry['checkpoint'], str)


@torch.no_grad()
def _outcomes(experts: Sequence[Expert], runner: Runner) -> Tensor:
    """Right and missed validation samples of each class, (2, K), each class as its expert has it."""
    model, number = unwrapped(runner), sum(len(expert.classes) for expert in experts)
    total = torch.zeros(2, number, dtype=torch.int64, device=experts[0].classes.device)
    for batch in validation_batches(runner):
        data = model.data_preprocessor(batch, False)
        for expert in experts:
            total += expert.outcomes(data['inputs'], data['data_samples'], number)
    return all_reduced_sum(total)
