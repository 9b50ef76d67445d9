"""A dry pass over a config: what would otherwise fail after the first validation interval fails before training.

Builds the data sets with their pipelines and the evaluators as the run will, takes one image of each split, and hands
the evaluator its ground truth as the prediction. What comes out has the keys that the run will have.
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator

from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.errors import message_of, usage_errors
from ltseg.cli.monitored import Measured, monitor_faults
from ltseg.cli.runner import silent_logger
from ltseg.cli.split_counts import count_split
from ltseg.cli.training_labels import training_label_faults
from ltseg.config_parts import type_name
from ltseg.core.errors import UsageError, describe
from ltseg.metrics.counted_metric import CountedMetric
from ltseg.metrics.task import SEGMENTATION, task_of
from ltseg.nested_datasets import dataset_config, innermost_configs

__all__ = ['dry_run', 'rules_of_validation']

LABELS = ('gt_sem_seg', 'gt_label')
NO_LABELS = "Add dict(type='LoadAnnotations') to this pipeline, behind the loading of the image."
PREDICT_ONLY = 'Use format_only=True with output_dir in the evaluator to write predictions only, where there are none.'
WITHOUT_CLASSES = 'Leave out with_label=False.'
NOT_PACKED = "The data infos need 'gt_label', and the pipeline has to hand it to dict(type='PackInputs')."
CAN_EVALUATE = 'a metric that can evaluate an image of this split'
KNOWN = ('IoUMetric', 'Accuracy', 'SingleLabelMetric')  # need nothing but predictions and labels
SAME_KEYS = "Give one of the metrics a prefix, e.g. prefix='other': both have metrics of the same name."


def dry_run(config: Config, training: bool = True, datasets: BuiltDatasets | None = None) -> Measured:
    """Takes one image of each split through the pipeline and the evaluator.

    Args:
        config: Of a run whose types and arguments are right, see :func:`ltseg.cli.checks.check_config`.
        training: Whether to look at training and validation, or at the test split.
        datasets: Where those of the config are built.

    Returns:
        The metrics of the ground truth taken for the prediction.

    Raises:
        UsageError: With every fault found: pipelines without labels, evaluators that cannot evaluate, metrics of the
            same name, training labels of which nothing can be learned, and a ``save_best`` or an early stopping by a
            metric that there is not, that would never have a value, or of which nobody knows whether more is better.
    """
    faults, measured, datasets = [], Measured(), datasets or BuiltDatasets()
    for split in ('train', 'val') if training else ('test',):
        try:
            sample = _sample(config, split, datasets)
            if sample is not None and split != 'train':
                measured = _evaluated(config, split, sample, datasets)
        except UsageError as error:
            faults.append(str(error))
    if training and not faults:
        faults += training_label_faults(config, datasets)
    if training and not faults:
        faults += monitor_faults(config, measured, lambda: _never_known(config, datasets))
    if faults:
        raise UsageError('\n'.join(faults))
    return measured


def rules_of_validation(config: Config, datasets: BuiltDatasets) -> Mapping[str, str]:
    """The rules of the metrics of validation, see :class:`ltseg.cli.monitored.Measured`; no label file is counted.

    Raises:
        UsageError: If an image cannot be loaded or evaluated.
    """
    sample = _sample(config, 'val', datasets)
    return {} if sample is None else _evaluated(config, 'val', sample, datasets).rules


def _sample(config: Config, split: str, datasets: BuiltDatasets) -> Any:
    """The first image of a split as its pipeline gives it; None where the config has no such split."""
    if dataset_config(config, split) is None:
        return None
    where = f'{split}_dataloader.dataset.pipeline'
    with usage_errors(where, 'a pipeline that can load the first image'):
        sample = datasets.loading(config, split)[0]
    packed = sample.get('data_samples') if isinstance(sample, Mapping) else None
    if packed is None and isinstance(sample, Mapping) and _evaluators(config, split):
        got = f'one that gives {", ".join(sorted(map(str, sample)))}'
        hint = "End it with dict(type='PackSegInputs'), or in classification with dict(type='PackInputs')."
        raise UsageError(where, 'a pipeline that packs data samples', got, hint)
    packed = packed[0] if isinstance(packed, list | tuple) and packed else packed  # several views
    format_only = any(part.get('format_only') for part in _evaluators(config, split))
    if packed is not None and not format_only and not any(name in packed for name in LABELS):
        raise UsageError(*_without_labels(config, split))
    return sample


def _without_labels(config: Config, split: str) -> tuple[str, str, str, str]:
    """Place, expectation, what came, and a hint, where the images of a split have no labels."""
    where, dataset = f'{split}_dataloader.dataset', dataset_config(config, split)
    if task_of(config) is SEGMENTATION:
        hint = f'{NO_LABELS} {PREDICT_ONLY}' if split == 'test' else NO_LABELS
        return f'{where}.pipeline', 'a pipeline that loads labels', 'images without', hint
    hidden = any(part.get('with_label') is False for part in innermost_configs(dataset))
    hint = WITHOUT_CLASSES if hidden else NOT_PACKED
    return where, 'images with their class', 'images without', hint


def _evaluators(config: Config, split: str) -> list[dict]:
    evaluators = config.get(f'{split}_evaluator') or []
    return list(evaluators) if isinstance(evaluators, list | tuple) else [evaluators]


def _evaluated(config: Config, split: str, sample: Mapping[str, Any], datasets: BuiltDatasets) -> Measured:
    """What the metrics of a split make of a prediction that is the ground truth.

    Metrics of other projects may need what is not here; they are left out, and so is what they would return.
    """
    listed = [{key: part[key] for key in part if key != 'output_dir'} for part in _evaluators(config, split)]
    if not listed or any(part.get('format_only') for part in listed):
        return Measured(is_all=False)
    measured, metainfo = Measured(), dict(getattr(datasets.loading(config, split), 'metainfo', None) or {})
    for part in listed:
        more = _measured(f'{split}_evaluator ({part.get("type")})', part, metainfo, sample)
        twice = sorted(measured.values.keys() & more.values.keys())
        if twice:
            where, got = f'{split}_evaluator', f'several {", ".join(twice[:3])}'
            raise UsageError(where, 'metrics of different names', got, SAME_KEYS)
        measured = measured & more
    return measured


def _measured(where: str, part: dict, metainfo: dict[str, Any], sample: Mapping[str, Any]) -> Measured:
    """What one metric of an evaluator returns; nothing where only another project knows what it needs."""
    is_known = str(part.get('type')).startswith('ltseg.') or type_name(part) in KNOWN
    try:
        found = _one_evaluated(part, metainfo, sample)
    except Exception as error:
        message = message_of(error)
        if message is None and not is_known:
            return Measured(is_all=False)
        got = f'{type(error).__name__}: {error}'
        raise UsageError(message or describe(where, CAN_EVALUATE, got)) from error
    return Measured(found, {key: _rule(part, key) for key in found} if is_known else {}, is_known)


def _rule(part: dict, key: str) -> str:
    """Of what is known, the errors of calibration alone are better when smaller."""
    name = key.removeprefix(f'{part.get("prefix")}/')
    return 'less' if type_name(part) == 'LongTailAccuracy' and name.startswith('ece/') else 'greater'


def _one_evaluated(part: dict, metainfo: dict[str, Any], sample: Mapping[str, Any]) -> dict[str, float]:
    with silent_logger():  # tables of one image
        evaluator = Evaluator([deepcopy(part)])
        evaluator.dataset_meta = metainfo
        evaluator.process(data_samples=[_with_prediction(sample['data_samples'], metainfo)], data_batch=dict(sample))
        return evaluator.evaluate(1)


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


def _never_known(config: Config, datasets: BuiltDatasets) -> set[str]:
    """Keys of metrics that are nan on the whole validation split, whatever is predicted."""
    listed = [part for part in _evaluators(config, 'val') if str(part.get('type')).startswith('ltseg.')]
    tables = {split: count_split(config, split, datasets.loading(config, split)) for split in ('train', 'val')}
    names, unknown = tables['val'].class_names, set()
    with silent_logger():
        metrics = Evaluator(deepcopy(listed)).metrics
    for metric in metrics:
        if isinstance(metric, CountedMetric):
            metric.dataset_meta = {'classes': names}
            metric.fill_counts(tables['train'])
            known = metric.evaluation_of(torch.diag(tables['val'].counts.samples))
            unknown |= {metric.key(key) for key, value in known.metrics().items() if math.isnan(value)}
    return unknown
