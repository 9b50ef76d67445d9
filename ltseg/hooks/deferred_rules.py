"""Rules that begin late in training, such as deferred re-weighting."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from ltseg.core.checks import check_range
from ltseg.core.errors import InvalidValueError, WrongStateError
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.losses import RuledLoss
from ltseg.registry import HOOKS, MODELS
from ltseg.rules import Rule, Weighting

__all__ = ['DeferredRules']


@HOOKS.register_module()
class DeferredRules(Hook):
    """Adds rules to losses from a point of training on; before it the losses are exactly what the config says.

    The rules follow the class counts of each loss. A loss that has no use for counts yet gets those of the data set,
    which ``ltseg.CountClasses`` fills in before training. Whether the rules apply is read off the Runner's epoch or
    iteration, so that it is right after a resume.

    Args:
        rules: Rules, or their configs. None is deferred re-weighting (DRW): weights by the inverse effective number of
            samples with beta = 0.9999.
        begin: Epoch or iteration, counted from 0, from which on the rules apply; it must lie within training.
        by_epoch: Whether ``begin`` is an epoch.
        target: Names of losses in the model, e.g. ``['decode_head.loss_decode']``. None is every
            loss that takes rules (:class:`ltseg.losses.RuledLoss`).

    Source:
        Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019, algorithm 1
        (DRW); other rules are our extension.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.model import BaseModel
        >>> from mmengine.runner import Runner
        >>> from ltseg.losses import CrossEntropyLoss
        >>> class Model(BaseModel):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.logits, self.loss = torch.nn.Parameter(torch.zeros(2)), CrossEntropyLoss(counts=[90, 10])
        ...         self.seen = []
        ...     def forward(self, inputs, label, mode='loss'):
        ...         self.seen.append([type(rule).__name__ for rule in self.loss.rules])
        ...         return {'loss': self.loss(self.logits.expand(len(inputs), 2), label)}
        >>> model = Model()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, folder, train_dataloader=dict(
        ...             dataset=[{'inputs': 0.0, 'label': 0}], batch_size=1, num_workers=0,
        ...             sampler=dict(type='DefaultSampler'), collate_fn=dict(type='default_collate')),
        ...         train_cfg=dict(by_epoch=True, max_epochs=3), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.DeferredRules', begin=2)], default_scope='mmengine',
        ...         experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> model.seen  # in epochs 0, 1 and 2: DRW from epoch 2 on
        [[], [], ['Weighting']]
    """

    short_name = 'DRW'

    priority = 'HIGH'  # before CountClasses, which must know which losses wait for counts

    def __init__(
        self,
        rules: Sequence[Rule | dict] | None = None,
        begin: int = 160,
        by_epoch: bool = True,
        target: Sequence[str] | None = None,
    ) -> None:
        check_range('DeferredRules.begin', begin, 0)
        given = [Weighting(scheme='effective_number')] if rules is None else rules
        self.rules: list[Rule] = [MODELS.build(rule) if isinstance(rule, dict) else rule for rule in given]
        self.begin, self.by_epoch = begin, by_epoch
        self.target = None if target is None else list(target)
        self._losses: dict[str, RuledLoss] = {}
        self._applied = False

    def before_run(self, runner: Runner) -> None:
        """Prepares the losses.

        Raises:
            ValueError: If there are no such losses, or the rules cannot follow their counts.
        """
        if self._losses or not isinstance(runner._train_loop, BaseLoop):
            return
        self._losses = self._find(runner)
        for loss in self._losses.values():
            loss.expect_rules(self.rules)

    def before_train(self, runner: Runner) -> None:
        """Checks what would otherwise come up when the rules begin.

        Raises:
            ValueError: If they would never begin, or the counts do not suit them.
            RuntimeError: If nobody has counted the data set.
        """
        end, unit = (runner.max_epochs, 'epochs') if self.by_epoch else (runner.max_iters, 'iterations')
        if self.by_epoch and not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise InvalidValueError('DeferredRules', 'training in epochs', 'iterations', 'Set by_epoch=False.')
        if self.begin >= end:
            raise InvalidValueError('DeferredRules.begin', f'less than the {end} {unit} of training', repr(self.begin))
        uses_counts = any(rule.uses_counts for rule in self.rules)
        waiting = [name for name, loss in self._losses.items() if loss.counts.waiting]
        if uses_counts and waiting:
            hint = "Add custom_hooks=[dict(type='ltseg.CountClasses')] to the config, or give the losses counts=PATH."
            raise WrongStateError(f'DeferredRules: {", ".join(waiting)}', 'class counts', 'none', hint)
        for loss in self._losses.values():
            loss.check_rules(self.rules if uses_counts else [])

    def before_train_epoch(self, runner: Runner) -> None:
        """Adds the rules from their epoch on."""
        if self.by_epoch and runner.epoch >= self.begin:
            self._apply(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Adds the rules from their iteration on."""
        if not self.by_epoch and runner.iter >= self.begin:
            self._apply(runner)

    def _apply(self, runner: Runner) -> None:
        if self._applied:
            return
        self._applied = True
        for loss in self._losses.values():
            loss.add_rules(self.rules)
        names = ', '.join(type(rule).__name__ for rule in self.rules)
        runner.logger.info(f'DeferredRules: from here on {names} in {", ".join(self._losses)}.')

    def _find(self, runner: Runner) -> dict[str, RuledLoss]:
        found = {name: module for name, module in unwrapped(runner).named_modules() if isinstance(module, RuledLoss)}
        wanted = list(found) if self.target is None else self.target
        if not wanted or set(wanted) - set(found):
            missing = ', '.join(sorted(set(wanted) - set(found))) or 'none'
            expected = f'names out of {sorted(found)}' if found else 'a model with an ltseg.LongTailLoss or a preset'
            raise InvalidValueError('DeferredRules.target', expected, missing)
        return {name: found[name] for name in wanted}
