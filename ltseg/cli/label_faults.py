"""What can be wrong with classes and labels across the splits of a config."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.config_parts import parts_of, type_name
from ltseg.core.errors import describe
from ltseg.counts.class_names import check_class_order
from ltseg.counts.ignored_label import ignored_in_training
from ltseg.counts.many_classes import fault_of_many_classes, needs_16_bits
from ltseg.metrics.task import SEGMENTATION, task_of
from ltseg.nested_datasets import dataset_classes, dataset_config

__all__ = ['label_faults', 'trained_classes']


def label_faults(
    config: Config, classes: Mapping[str, Sequence[str]], datasets: BuiltDatasets, trained: Sequence[str] = ()
) -> Iterator[str]:
    """Faults of the classes and labels of the data sets that a run uses.

    Args:
        config: Of the run.
        classes: Names of the classes by data loader, e.g. 'train_dataloader'.
        datasets: Where those of the config are built.
        trained: Those that a model to evaluate was trained with; of the config's training data where none are given.
    """
    trained = classes.get('train_dataloader') or trained or _training_classes(config, datasets)
    for loader, names in classes.items():
        try:
            check_class_order(f'{loader}.dataset, classes', names, trained)
        except ValueError as error:
            yield str(error)
        if task_of(config) is SEGMENTATION:
            yield from _faults_of_many_classes(config, loader, len(names))


def trained_classes(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a checkpoint was trained with, from its meta data; empty where it does not say them."""
    of_data = meta.get('dataset_meta')
    names = of_data.get('classes') if isinstance(of_data, Mapping) else None
    is_known = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return tuple(names) if names and is_known else ()


def _training_classes(config: Config, datasets: BuiltDatasets) -> tuple[str, ...]:
    """Those of the config's training data; empty where these are not there, as an evaluation does not need them."""
    try:
        return dataset_classes(datasets.readable(config, 'train'))
    except Exception:  # of any data set
        return ()


def _faults_of_many_classes(config: Config, loader: str, number: int) -> Iterator[str]:
    split = loader.removesuffix('_dataloader')
    parts = [*parts_of(dataset_config(config, split) or {}, f'{loader}.dataset')]
    if not needs_16_bits(number, any(part.get('reduce_zero_label') for _, part in parts)):
        return
    fault = fault_of_many_classes(number, [type_name(part) for _, part in parts], ignored_in_training(config))
    if fault:
        yield describe(f'{loader}.dataset', *fault)
    for path, part in parts_of(config.get(f'{split}_evaluator') or {}, f'{split}_evaluator'):
        if type_name(part) == 'IoUMetric' and part.get('output_dir'):
            hint = "Use dict(type='ltseg.LongTailIoU'), which writes 16 bits."
            yield describe(f'{path}.output_dir', f'a metric that can write {number} classes', 'IoUMetric', hint)
