"""A dry pass over a config: what would otherwise fail after the first validation interval fails before training.

Builds the data sets with their pipelines and the evaluators as the run will, takes one image of each split, and hands
the evaluator its ground truth as the prediction. What comes out has the keys that the run will have.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

from ltseg.cli.errors import message_of
from ltseg.cli.ignored import counted_label
from ltseg.cli.training_labels import training_label_faults
from ltseg.core.checks import near
from ltseg.core.errors import UsageError, describe
from ltseg.counts.data_set_counts import build_dataset, count_dataset, counts_folder
from ltseg.metrics.counted_metric import CountedMetric
from ltseg.metrics.task import SEGMENTATION, task_of
from ltseg.nested_datasets import dataset_config, innermost_configs
from ltseg.registry import DATASETS

__all__ = ['dry_run', 'infer_rules']

LABELS = ('gt_sem_seg', 'gt_label')
NO_LABELS = "Add dict(type='LoadAnnotations') to this pipeline, behind the loading of the image."
WITHOUT_CLASSES = 'Leave out with_label=False.'
NOT_PACKED = "The data infos need 'gt_label', and the pipeline has to hand it to dict(type='PackInputs')."
CAN_EVALUATE = 'a metric that can evaluate an image of this split'
KNOWN = ('IoUMetric', 'Accuracy', 'SingleLabelMetric')  # need nothing but predictions and labels
SAME_KEYS = "Give one of the metrics a prefix, e.g. prefix='other': both have metrics of the same name."
SMALLER_IS_BETTER = ('ece/', 'loss')


def dry_run(config: Config, training: bool = True) -> dict[str, float]:
    """Takes one image of each split through the pipeline and the evaluator.

    Args:
        config: Of a run whose types and arguments are right, see :func:`ltseg.cli.checks.check_config`.
        training: Whether to look at training and validation, or at the test split.

    Returns:
        The metrics of the ground truth taken for the prediction, by their key.

    Raises:
        UsageError: With every fault found: pipelines without labels, evaluators that cannot evaluate, metrics of the
            same name, training labels of which nothing can be learned, and a ``save_best`` that no metric has or that
            would never have a value.
    """
    faults, metrics = [], {}
    for split in ('train', 'val') if training else ('test',):
        try:
            sample = _sample(config, split)
            if sample is not None and split != 'train':
                metrics = _evaluated(config, split, sample)
        except UsageError as error:
            faults.append(str(error))
    if training and not faults:
        faults += training_label_faults(config)
    if training and metrics and not faults:
        faults += _save_best_faults(config, metrics)
    if faults:
        raise UsageError('\n'.join(faults))
    return metrics


def infer_rules(config: Config) -> None:
    """Gives ``save_best`` the rule that mmengine asks for: our metrics are better when greater, but for errors."""
    hook = (config.get('default_hooks') or {}).get('checkpoint') or {}
    keys = _save_best(config)
    if keys and 'auto' not in keys and hook.get('rule') is None:
        hook['rule'] = ['less' if _is_smaller_better(key) else 'greater' for key in keys]


def _is_smaller_better(key: str) -> bool:
    return any(key.startswith(word) or f'/{word}' in key for word in SMALLER_IS_BETTER)


def _save_best(config: Config) -> list[str]:
    keys = ((config.get('default_hooks') or {}).get('checkpoint') or {}).get('save_best') or []
    return [keys] if isinstance(keys, str) else list(keys)


def _sample(config: Config, split: str) -> Any:
    """The first image of a split as its pipeline gives it; None where the config has no such split."""
    dataset = (config.get(f'{split}_dataloader') or {}).get('dataset')
    if not isinstance(dataset, dict):
        return None
    where = f'{split}_dataloader.dataset.pipeline'
    try:
        sample = _first(DATASETS.build(deepcopy(dataset)))
    except Exception as error:
        message, got = message_of(error), f'{type(error).__name__}: {error}'
        raise UsageError(message or describe(where, 'a pipeline that can load the first image', got)) from error
    packed = sample.get('data_samples') if isinstance(sample, Mapping) else None
    packed = packed[0] if isinstance(packed, list | tuple) and packed else packed  # several views
    format_only = any(part.get('format_only') for part in _evaluators(config, split))
    if packed is not None and not format_only and not any(name in packed for name in LABELS):
        raise UsageError(*_without_labels(config, split))
    return sample


def _without_labels(config: Config, split: str) -> tuple[str, str, str, str]:
    """Place, expectation, what came, and a hint, where the images of a split have no labels."""
    where, dataset = f'{split}_dataloader.dataset', dataset_config(config, split)
    if task_of(config) is SEGMENTATION:
        return f'{where}.pipeline', 'a pipeline that loads labels', 'images without', NO_LABELS
    hidden = any(part.get('with_label') is False for part in innermost_configs(dataset))
    return where, 'images with their class', 'images without', WITHOUT_CLASSES if hidden else NOT_PACKED


def _first(dataset: Any) -> Any:
    """The first image, loaded as in training and testing: where a file is broken, the error names it."""
    from ltseg.datasets.named_files import name_files  # imports MMSegmentation, which may be broken

    name_files(dataset)
    return dataset[0]


def _evaluators(config: Config, split: str) -> list[dict]:
    evaluators = config.get(f'{split}_evaluator') or []
    return list(evaluators) if isinstance(evaluators, list | tuple) else [evaluators]


def _evaluated(config: Config, split: str, sample: Mapping[str, Any]) -> dict[str, float]:
    """What the metrics of a split make of a prediction that is the ground truth.

    Metrics of other projects may need what is not here; they are left out, and so is what they would return.
    """
    listed = [{key: part[key] for key in part if key != 'output_dir'} for part in _evaluators(config, split)]
    if not listed or any(part.get('format_only') for part in listed):
        return {}
    where, metainfo = f'{split}_evaluator', _metainfo(config, split)
    metrics: dict[str, float] = {}
    for part in listed:
        try:
            found = _one_evaluated(part, metainfo, sample)
        except Exception as error:
            message = message_of(error)
            if message is None and str(part.get('type')).rpartition('.')[2] not in KNOWN:
                continue
            got = f'{type(error).__name__}: {error}'
            raise UsageError(message or describe(f'{where} ({part.get("type")})', CAN_EVALUATE, got)) from error
        twice = sorted(metrics.keys() & found.keys())
        if twice:
            raise UsageError(where, 'metrics of different names', f'several {", ".join(twice[:3])}', SAME_KEYS)
        metrics |= found
    return metrics


def _one_evaluated(part: dict, metainfo: dict[str, Any], sample: Mapping[str, Any]) -> dict[str, float]:
    with _silence():  # tables of one image
        evaluator = Evaluator([deepcopy(part)])
        evaluator.dataset_meta = metainfo
        evaluator.process(data_samples=[_with_prediction(sample['data_samples'], metainfo)], data_batch=dict(sample))
        return evaluator.evaluate(1)


@contextmanager
def _silence() -> Iterator[None]:
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _metainfo(config: Config, split: str) -> dict[str, Any]:
    return dict(getattr(build_dataset(config[f'{split}_dataloader']['dataset']), 'metainfo', None) or {})


def _with_prediction(packed: Any, metainfo: Mapping[str, Any]) -> Any:
    """A data sample whose prediction is its ground truth."""
    packed = packed.clone() if hasattr(packed, 'clone') else deepcopy(packed)
    classes = len(metainfo.get('classes') or ()) or 2
    if 'gt_sem_seg' in packed:
        truth = packed.gt_sem_seg.data
        predicted = deepcopy(packed.gt_sem_seg)
        predicted.data = truth.clamp(min=0).where(truth < classes, torch.zeros_like(truth))
        packed.set_data({'pred_sem_seg': predicted})
    else:
        scores = torch.zeros(classes)
        scores[packed.gt_label.long()] = 1
        packed.set_pred_label(packed.gt_label).set_pred_score(scores)
    return packed


def _save_best_faults(config: Config, metrics: Mapping[str, float]) -> Iterator[str]:
    where, types = 'default_hooks.checkpoint.save_best', [str(part.get('type')) for part in _evaluators(config, 'val')]
    all_known = all(name.startswith('ltseg.') or name.rpartition('.')[2] in KNOWN for name in types)
    for key in _save_best(config):
        if key == 'auto':
            continue
        if key not in metrics and all_known:
            yield describe(where, 'the name of a metric of val_evaluator', repr(key), near(key, metrics, 3))
        elif math.isnan(metrics.get(key, 0.0)) and key in _never_known(config):
            got, hint = f'{key!r}, whose classes have no sample there', 'Choose another metric, or another split.'
            yield describe(where, 'a metric that validation can measure', got, hint)


def _never_known(config: Config) -> set[str]:
    """Keys of metrics that are nan on the whole validation split, whatever is predicted."""
    listed = [part for part in _evaluators(config, 'val') if str(part.get('type')).startswith('ltseg.')]
    tables = {}
    for split in ('train', 'val'):
        dataset = build_dataset(config[f'{split}_dataloader']['dataset'])
        folder, ignored = counts_folder(config.work_dir), counted_label(config, split)
        tables[split] = count_dataset(dataset, folder, show_progress=True, ignore_index=ignored)[0]
    names, unknown = tables['val'].class_names, set()
    with _silence():
        metrics = Evaluator(deepcopy(listed)).metrics
    for metric in metrics:
        if isinstance(metric, CountedMetric):
            metric.dataset_meta = {'classes': names}
            metric.fill_counts(tables['train'])
            known = metric.evaluation_of(torch.diag(tables['val'].counts.samples))
            unknown |= {metric.key(key) for key, value in known.metrics().items() if math.isnan(value)}
    return unknown
