"""Counts the training labels before training, for losses and metrics that ask for them."""

import os
from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn

from ltseg.core.checks import check_integer
from ltseg.core.errors import InvalidValueError, UnusableLabelsError
from ltseg.counts.data_set_counts import build_dataset, class_names_of, count_dataset, counts_folder
from ltseg.counts.label_pipelines import learns_label_files
from ltseg.counts.main_process import on_main_process
from ltseg.counts.sources import ClassCountsSource
from ltseg.counts.table import CountsTable, check_class_names, check_table
from ltseg.hooks.sampled_counts import sampled_counts
from ltseg.losses import RuledLoss
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import HOOKS

__all__ = ['CountClasses', 'training_classes']


@HOOKS.register_module()
class CountClasses(Hook):
    """Fills every loss with ``counts='dataset'`` or ``'sampled'`` and every metric that has ``fill_counts``.

    The table is kept in ``class_counts/`` beside the work directories and used again while the label files and the
    settings of the data set stay the same. With several processes the first counts and the others wait. Evaluation
    needs the counts only for groups of classes: there a missing training set is logged and not an error. Labels that
    training itself could not use are an error for it.

    'sampled' counts what the model will see: as many training samples as ``samples`` are drawn by the sampler and go
    through the pipeline, crops included, each time that training starts. Groups of classes stay those of the data set.

    Args:
        table: A table made by ltseg count to use instead of counting.
        workers: Processes that decode labels; None chooses.
        samples: Training samples to draw for losses with ``counts='sampled'``.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.dataset import BaseDataset
        >>> from mmengine.model import BaseModel
        >>> from mmengine.runner import Runner
        >>> from ltseg.losses import BalancedSoftmaxLoss
        >>> class Pets(BaseDataset):
        ...     METAINFO = {'classes': ('cat', 'owl')}
        ...     def load_data_list(self):
        ...         return [{'inputs': 0.0, 'gt_label': label} for label in (0, 0, 0, 1)]
        >>> class Model(BaseModel):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.logits, self.loss = torch.nn.Parameter(torch.zeros(2)), BalancedSoftmaxLoss()
        ...     def forward(self, inputs, gt_label, mode='loss', **_):
        ...         return {'loss': self.loss(self.logits.expand(len(inputs), 2), gt_label)}
        >>> model = Model()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, f'{folder}/run', train_dataloader=dict(
        ...             dataset=Pets(), batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler'),
        ...             collate_fn=dict(type='default_collate')),
        ...         train_cfg=dict(by_epoch=False, max_iters=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.CountClasses')], default_scope='mmengine',
        ...         experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> model.loss.counts.filled.samples.tolist(), model.loss.counts.class_names
        ([3, 1], ('cat', 'owl'))
    """

    priority = 'ABOVE_NORMAL'  # EMAHook (NORMAL) copies the model in before_run

    def __init__(self, table: str | os.PathLike | None = None, workers: int | None = None, samples: int = 512) -> None:
        check_integer('CountClasses.samples', samples, 1)
        self.table, self.workers, self.samples = table, workers, samples
        self._counted: CountsTable | None = None

    def before_run(self, runner: Runner) -> None:
        """Counts, or reads the table, and hands it over.

        Raises:
            ValueError: If the table does not fit the heads or the data set, naming all that do not, the table of a
                loss is of other classes, a rule is undefined for a class without pixels, or training would use a label
                file that cannot be used; names it.
            FileNotFoundError: If the training data, or the given table, is missing.
        """
        training = isinstance(runner._train_loop, BaseLoop)
        modules = runner.model.named_modules() if training else ()
        sources = {name: module for name, module in modules if isinstance(module, ClassCountsSource)}
        names = training_classes(runner._train_loop)
        for name, module in sources.items():
            check_class_names(f'the table of {name!r}', module.class_names, names)
        sampled = {name: module for name, module in sources.items() if module.waiting and module.mode == 'sampled'}
        if sampled:
            self._fill_sampled(runner, sampled, names)
        waiting = {name: module for name, module in sources.items() if module.waiting}
        metrics = list(_metrics_with_counts(runner))
        if not waiting and not metrics:
            return
        try:
            ignored = _ignored_label(runner.model, waiting)
            table = self._of_dataset(runner, ignored)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AssertionError,
            RuntimeError,
        ) as error:  # of any
            if waiting or self.table is not None or (training and _is_of_training(error, runner)):
                raise
            runner.logger.warning(f'CountClasses: the training labels are not counted: {error}')
            return
        _fill(table, waiting, runner.model)
        for metric in metrics:
            metric.fill_counts(table)

    def _fill_sampled(self, runner: Runner, waiting: dict[str, ClassCountsSource], names: tuple[str, ...]) -> None:
        ignored = _ignored_label(runner.model, waiting)
        loader = runner.train_loop.dataloader
        names = names or class_names_of(loader.dataset)
        counts = on_main_process(lambda: sampled_counts(loader, len(names), ignored, self.samples, runner.seed))
        table = CountsTable(counts, names, {'ignore_index': ignored})
        if table.empty_classes:
            self._check_missed(table, self._of_dataset(runner, ignored))
        _fill(table, waiting, runner.model)
        share = counts.prior
        runner.logger.info(
            f'CountClasses: {self.samples} training samples as they are drawn and cropped, shares '
            f'{share.max().item():.2%} to {share.min().item():.3%}.'
        )

    def _check_missed(self, drawn: CountsTable, whole: CountsTable) -> None:
        """A class that occurs in training must not count as one that never does."""
        missed = [drawn.class_names[k] for k in drawn.empty_classes if whole.counts.samples[k]]
        if missed:
            got = f'none with {", ".join(missed)} among {self.samples}'
            hint = "Draw more, dict(type='ltseg.CountClasses', samples=...), or use counts='dataset'."
            raise InvalidValueError('CountClasses.samples', 'training samples with every class', got, hint)

    def _of_dataset(self, runner: Runner, ignored: int | None) -> CountsTable:
        self._counted = self._counted or on_main_process(lambda: self._table(runner, ignored))
        return self._counted

    def _table(self, runner: Runner, ignored: int | None) -> CountsTable:
        if self.table is not None:
            table = CountsTable.load(self.table)
            names = training_classes(runner._train_loop)
            check_table(table, len(names or table.class_names), names, str(self.table), 'data set')
            counted = table.provenance.get('ignore_index', ignored)
            if ignored is not None and counted != ignored:
                text = f'CountClasses: {self.table} was counted with the ignored label {counted}, the head ignores'
                hint = f'Count again: ltseg count CONFIG --out {self.table}'
                runner.logger.warning(f'{text} {ignored}. {hint}')
            return table
        table, path = count_dataset(
            _train_dataset(runner),
            counts_folder(runner.work_dir),
            self.workers,
            show_progress=True,
            ignore_index=ignored,
        )
        share = table.counts.prior
        runner.logger.info(
            f'CountClasses: {len(share)} classes in {table.provenance["files"]} training images, shares '
            f'{share.max().item():.2%} to {share.min().item():.3%}. {table.ignored}'
            + (f' Table: {path}' if path else '')
        )
        if table.cause_of_empty_classes:
            absent = ', '.join(table.class_names[k] for k in table.empty_classes)
            runner.logger.warning(f'CountClasses: no pixel of {absent}. {table.cause_of_empty_classes}')
        return table


def _is_of_training(error: Exception, runner: Runner) -> bool:
    """Whether the labels that cannot be counted are those that training would use."""
    return isinstance(error, UnusableLabelsError) and learns_label_files(_train_dataset(runner))


def _ignored_label(model: nn.Module, waiting: dict[str, ClassCountsSource]) -> int | None:
    """What the head of the first waiting loss ignores, or else the first head; None where no head ignores anything."""
    heads = {name: module for name, module in model.named_modules() if hasattr(module, 'num_classes')}
    labels = {name: getattr(head, 'ignore_index', None) for name, head in heads.items()}
    owners = [name for source in waiting for name in labels if source.startswith(f'{name}.')]
    return next((labels[name] for name in (*owners, *labels) if labels[name] is not None), None)


def _metrics_with_counts(runner: Runner) -> Iterator[Any]:
    for loop in (runner._val_loop, runner._test_loop):
        for metric in getattr(getattr(loop, 'evaluator', None), 'metrics', ()):
            if hasattr(metric, 'fill_counts'):
                yield metric


def training_classes(loop: Any) -> tuple[str, ...]:
    """Names of the classes of the data set of a training loop; none where the loop or its data set is not built."""
    return dataset_classes(getattr(getattr(loop, 'dataloader', None), 'dataset', None))


def _train_dataset(runner: Runner) -> Any:
    """The data set that training uses, built without its pipeline where it is not built yet."""
    if isinstance(runner._train_loop, BaseLoop):
        return runner._train_loop.dataloader.dataset
    dataloader = runner._train_dataloader
    config = dataloader.get('dataset') if isinstance(dataloader, dict) else None
    if config is None:
        raise InvalidValueError('CountClasses', 'train_dataloader in the config', repr(dataloader))
    return build_dataset(config)


def _fill(table: CountsTable, waiting: dict[str, ClassCountsSource], model: nn.Module) -> None:
    _check_heads(table, waiting, model)
    for source in waiting.values():
        source.fill(table)
    for module in model.modules():
        if isinstance(module, RuledLoss):
            module.check_counts()  # before a loss is compiled, which cannot look at them


def _check_heads(table: CountsTable, waiting: dict[str, ClassCountsSource], model: nn.Module) -> None:
    modules, faults = dict(model.named_modules()), []
    for name in waiting:
        owners = [name.rsplit('.', depth)[0] for depth in range(1, name.count('.') + 1)]
        head = next((owner for owner in owners if getattr(modules[owner], 'num_classes', None)), None)
        if head is not None and modules[head].num_classes != len(table.class_names):
            loss = name.rsplit('.', 1)[0]
            owner = f'{type(modules[head]).__name__} {head!r} with the loss {loss!r}'
            found, dataset = len(table.class_names), table.provenance.get('dataset', 'data set')
            hint = f'Set num_classes={found} in the head, or the classes of the data set.'
            faults.append(
                f'CountClasses: the {owner} has {modules[head].num_classes} classes, {dataset!r} has {found}. {hint}'
            )
    if faults:
        raise InvalidValueError('\n'.join(faults))
