"""Class weights by what the last validation found, instead of the batches of training."""

from typing import Any, Literal

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ltseg.core.checks import check_choice
from ltseg.core.confusion import right_and_missed
from ltseg.core.errors import InvalidValueError
from ltseg.counts.main_process import on_main_process
from ltseg.counts.running_recall import RunningRecall
from ltseg.hooks.resumed_training import validation_is_due
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.metrics.counted_metric import CountedMetric
from ltseg.registry import HOOKS

__all__ = ['ValidationRecall']

VALIDATED = 'ltseg_recall_of_iteration'  # in mmengine's MessageHub, which is saved in checkpoints

EVALUATE = "Set val_dataloader, val_cfg and val_evaluator=dict(type='ltseg.LongTailIoU'), or 'ltseg.LongTailAccuracy'."
FOLLOW_IT = "Use 'ltseg.RecallLoss', or 'ltseg.LongTailLoss' with rules=[dict(type='ltseg.MissRateWeighting')]."


@HOOKS.register_module()
class ValidationRecall(Hook):
    """Lets losses that follow the recall of each class take it from the last validation, and not from the batches::

        rate='Acc'    right_k = TP_k,    missed_k = FN_k           so that the miss rate is 1 - Acc_k
        rate='IoU'    right_k = TP_k,    missed_k = FN_k + FP_k    so that it is 1 - IoU_k

    Such are ``ltseg.RecallLoss`` with weights of the miss rate, ``ltseg.DifficultyBalancedLoss``, every loss with the
    rule ``ltseg.MissRateWeighting``, and ``ltseg.LFMELoss``, which weights experts. Before the first validation they
    have no weights; a class that validation data lack keeps weight 1. The weights are part of checkpoints. mmengine
    saves a checkpoint before the validation of the same iteration: on a resume that validation is made up for, so that
    training goes on exactly as it would have.

    Validation data have a part in training then: the test score must be of other data.

    Args:
        rate: 'IoU' or 'Acc', of segmentation and of classification.

    Raises:
        ValueError: Before training, if no loss follows the recall, or no metric of ltseg validates.

    Source:
        Sinha et al., Class-Wise Difficulty-Balanced Loss for Solving Class-Imbalance, ACCV 2020 ('Acc', after each
        epoch). The IoU, for which what is wrongly taken for a class counts too, is ours.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.model import BaseModel
        >>> from mmengine.runner import Runner
        >>> from ltseg.losses import RecallLoss
        >>> class Model(BaseModel):  # it takes each image for class 0
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.logits, self.loss = torch.nn.Parameter(torch.tensor([9.0, 0.0])), RecallLoss()
        ...     def forward(self, inputs, label, mode='loss'):
        ...         if mode == 'predict':
        ...             return [{'gt_label': one.view(1), 'pred_label': torch.tensor([0])} for one in label]
        ...         return {'loss': self.loss(self.logits.expand(len(inputs), 2), label)}
        >>> class Images(list):
        ...     metainfo = {'classes': ('cat', 'owl')}
        >>> model, images = Model(), Images({'inputs': 0.0, 'label': label} for label in (0, 0, 0, 1))
        >>> data = dict(
        ...     dataset=images, batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler'),
        ...     collate_fn=dict(type='default_collate'))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, folder, train_dataloader=data, val_dataloader=data, val_cfg=dict(),
        ...         val_evaluator=dict(type='ltseg.LongTailAccuracy'), train_cfg=dict(by_epoch=True, max_epochs=1),
        ...         optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)), default_scope='mmengine',
        ...         custom_hooks=[dict(type='ltseg.ValidationRecall')], experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> model.loss.adjustment(torch.zeros(1, 2), torch.tensor([0]), -100).weight.tolist()  # 1 - 3/4, 1 - 0/1
        [0.25, 1.0]
    """

    short_name = 'by {rate} of validation'

    def __init__(self, rate: Literal['IoU', 'Acc'] = 'IoU') -> None:
        check_choice('ValidationRecall.rate', rate, ('IoU', 'Acc'))
        self.rate = rate
        self._recalls: list[RunningRecall] = []

    def before_train(self, runner: Runner) -> None:
        """Takes the recalls over from the batches."""
        metric = _metric(runner)
        self._recalls = [module for module in unwrapped(runner).modules() if isinstance(module, RunningRecall)]
        if metric is None:
            raise InvalidValueError('ValidationRecall', 'a metric of ltseg in validation', 'none', EVALUATE)
        if not self._recalls:
            raise InvalidValueError('ValidationRecall', 'a loss that follows recall', 'none', FOLLOW_IT)
        device = next(unwrapped(runner).parameters()).device
        for recall in self._recalls:
            recall.follow_validation(len(metric.class_names), device)

    def before_train_epoch(self, runner: Runner) -> None:
        """Makes up for the validation behind the checkpoint that training resumes from; all hooks are ready for it."""
        if validation_is_due(runner) and runner.message_hub.runtime_info.get(VALIDATED) != runner.iter:
            runner.val_loop.run()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Hands over what was found."""
        metric = _metric(runner)
        if metric is None or not self._recalls:  # this is no training run
            return
        evaluation: Any = metric.evaluation  # in other processes than the first there may be none
        found = on_main_process(lambda: right_and_missed(evaluation.matrix, wrong_too=self.rate == 'IoU'))
        for recall in self._recalls:
            recall.validated(found)
        runner.message_hub.update_info(VALIDATED, runner.iter)


def _metric(runner: Runner) -> CountedMetric | None:
    metrics = getattr(getattr(runner.val_loop, 'evaluator', None), 'metrics', ())
    evaluating = (metric for metric in metrics if not getattr(metric, 'format_only', False))
    return next((metric for metric in evaluating if isinstance(metric, CountedMetric)), None)
