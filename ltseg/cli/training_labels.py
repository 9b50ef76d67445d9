"""The training labels, counted before training: what they lack because of what is ignored."""

import logging
from collections.abc import Iterator

from mmengine.config import Config
from mmengine.logging import print_log

from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.split_counts import count_split
from ltseg.core.errors import UnusableLabelsError, describe
from ltseg.counts.label_pipelines import learns_label_files
from ltseg.counts.table import CountsTable
from ltseg.metrics.task import SEGMENTATION, task_of
from ltseg.nested_datasets import dataset_config

__all__ = ['training_label_faults']


def training_label_faults(config: Config, datasets: BuiltDatasets) -> Iterator[str]:
    """What is wrong with the training labels of a segmentation config as a whole; the table of counts is kept.

    Labels that cannot be used, or of a single class because of what is ignored, are a fault. Other classes that seem to
    be without a pixel for that reason are a warning: a data set may lack them.

    Args:
        config: Of a run whose data sets can be built.
        datasets: Where they are built.
    """
    if dataset_config(config, 'train') is None or task_of(config) is not SEGMENTATION:
        return
    try:
        if not learns_label_files(datasets.loading(config, 'train')):
            return
        table = count_split(config, 'train', datasets.loading(config, 'train'))
    except UnusableLabelsError as error:
        yield str(error)
    except Exception:  # data sets of any package: one may train without being countable
        return
    else:
        yield from _fault_of_classes(table)


def _fault_of_classes(table: CountsTable) -> Iterator[str]:
    cause, names = table.cause_of_empty_classes, table.class_names
    present = [names[k] for k in table.counts.samples.nonzero().flatten().tolist()]
    if cause and len(present) == 1:
        yield describe('train_dataloader.dataset', 'pixels of several classes', f'only those of {present[0]!r}', cause)
    elif cause:
        absent = ', '.join(names[k] for k in table.empty_classes)
        print_log(f'The training labels have no pixel of {absent}. {cause}', logger='current', level=logging.WARNING)
