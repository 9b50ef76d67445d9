"""The record of an evaluation: its results, and what the config, the command line and the checkpoint say of the run."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ltseg.cli.labels.data import split_label
from ltseg.cli.labels.run_labels import labels_of
from ltseg.cli.run_setup import evaluation_setup, training_setup
from ltseg.core.errors import LtsegError
from ltseg.core.json_files import parse_json
from ltseg.core.literals import literal_settings
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord, commit_of
from ltseg.reports.record_checks import check_known_fields

__all__ = [
    'RunSource',
    'evaluation_of',
    'number_of',
    'other_metrics',
    'record_of',
    'training_of',
    'is_record_of',
    'leaves_record',
]


@dataclass(frozen=True)
class RunSource:
    """What a record says of a run besides its results.

    Args:
        config: Path of the config file.
        labels: 'method', 'model' and 'dataset', see :func:`ltseg.cli.labels.run_labels.labels_of`.
        evaluation: What the results depend on in the evaluation, see :mod:`ltseg.cli.run_setup`.
        setup: What they depend on in training; empty where a checkpoint is tested, which says itself what made it.
        stages: How many stages the training run has.
        named: Labels that the config itself gives, by ``report``.
        data: Label of the data set that is evaluated; empty where it is not known.
        given: Fields of :class:`RunRecord` from the command line; None for what it does not say.
    """

    config: str
    labels: Mapping[str, str]
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    setup: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    stages: int = 1
    named: Mapping[str, str] = field(default_factory=dict)
    data: str = ''

    @classmethod
    def of_training(cls, config: str, stages: Sequence[Config], index: int, given: Mapping[str, Any]) -> 'RunSource':
        """That of a stage, from the resolved configs of all; one before the last is named in its record."""
        labels, stage = labels_of(stages), stages[index]
        if index < len(stages) - 1:
            known = {'name': Path(config).stem, 'method': labels['method']}
            early = f', stage {Path(stage.work_dir).name}'
            given = {**given, **{key: (given.get(key) or text) + early for key, text in known.items()}}
        setup = training_setup(stage, stages[:index])
        return cls(config, labels, evaluation_setup(stage, 'val'), setup, given, len(stages))

    @classmethod
    def of_test(
        cls, config: str, stages: Sequence[Config], split: str, given: Mapping[str, Any], **how: Any
    ) -> 'RunSource':
        """That of an evaluation on a split; ``how`` is what the config does not say of it."""
        evaluation = evaluation_setup(stages[-1], split, **how)
        named = dict(stages[-1].get('report') or {})
        data = split_label(stages[-1], split)
        return cls(config, labels_of(stages), evaluation, given=given, stages=len(stages), named=named, data=data)


def evaluation_of(loop: Any) -> Evaluation | None:
    """The last evaluation of a validation or test loop by ``ltseg.LongTailIoU`` or ``LongTailAccuracy``, or None."""
    metrics = getattr(getattr(loop, 'evaluator', None), 'metrics', ())
    return next((metric.evaluation for metric in metrics if getattr(metric, 'evaluation', None) is not None), None)


def training_of(meta: Mapping[str, Any], records: Path, stages: int = 1) -> dict[str, Any]:
    """What is known of the training run that made a checkpoint, as fields of :class:`RunRecord`.

    And the labels of the data sets that it was to be 'evaluated' on, if its config is known.

    Args:
        meta: Of the checkpoint.
        records: Folder in which the training run may have left its record, which has the curves.
        stages: Of the training run; the config in the checkpoint is that of the last one alone.
    """
    known: dict[str, Any] = {'seed': meta.get('seed'), 'iterations': meta.get('iter') or None}
    known |= _trained_with(meta.get('cfg'), stages)
    if not (records / 'val.json').is_file():
        return known
    trained = RunRecord.load(records / 'val.json')
    if trained.seed != known['seed'] or (trained.iterations or 0) < (known['iterations'] or math.inf):
        return known
    same = ('name', 'method', 'model', 'dataset', 'settings', 'curves')
    setup = {key: value for key, value in trained.setup.items() if key != 'evaluation'}
    return known | {name: getattr(trained, name) for name in same} | ({'setup': setup} if setup else {})


def _trained_with(text: Any, stages: int) -> dict[str, Any]:
    """Setup and labels that the config in a checkpoint gives; none where a record could not hold them.

    Checkpoints come from other people, too, and their text may say anything.
    """
    config = literal_settings(text)
    if not isinstance(config.get('model'), Mapping):
        return {}
    try:
        known = {'setup': training_setup(config), **(labels_of([config]) if stages == 1 else {})}
        evaluated = [*filter(None, (split_label(config, split) for split in ('val', 'test')))]
        check_known_fields(parse_json(json.dumps(known)))
    except (AttributeError, KeyError, TypeError, ValueError, LtsegError):  # parts of any type, in any place
        return {}
    return known | ({'evaluated': evaluated} if evaluated else {})


def other_metrics(evaluation: Evaluation, metrics: Mapping[str, Any]) -> dict[str, float]:
    """What the evaluator measured beside ltseg's own metrics: every number that is not one of them."""
    own = evaluation.metrics()
    named = {key: number_of(value) for key, value in metrics.items() if key not in own}
    return {key: value for key, value in named.items() if value is not None}


def number_of(value: Any) -> float | None:
    """A finite number, also in an array or a tensor of one; None for anything else."""
    if isinstance(value, str | bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        return None
    return number if math.isfinite(number) else None


def record_of(
    evaluation: Evaluation,
    split: str,
    source: RunSource,
    training: Mapping[str, Any],
    metrics: Mapping[str, Any] | None = None,
) -> RunRecord:
    """The record of an evaluation.

    Args:
        evaluation: The result.
        split: 'val' or 'test'.
        source: What the config and the command line say; the latter counts more than ``training``, and that more than
            the labels of the config.
        training: See :func:`training_of`.
        metrics: Every metric of the evaluator.
    """
    trained = training.get('setup') or source.setup
    labels = {**source.labels, **{key: value for key, value in training.items() if key != 'evaluated'}}
    if source.data and source.data not in training.get('evaluated', [source.data]):
        labels['dataset'] = f'{source.data}, trained on {labels["dataset"]}'
    known = {
        'name': Path(source.config).stem,
        **labels,
        **source.named,
        **{key: value for key, value in source.given.items() if value is not None},
        'settings': {**training.get('settings', {}), **(source.given.get('settings') or {})},
        'setup': {**trained, **source.evaluation} if trained else {},
    }
    commit, others = commit_of(Path(__file__).parent), other_metrics(evaluation, metrics or {})
    return RunRecord(
        **known, split=split, evaluation=evaluation, config=source.config, commit=commit, other_metrics=others
    )


def leaves_record(config: Mapping[str, Any]) -> bool:
    """Whether a training run of this config ends with the record of its last validation."""
    evaluators = config.get('val_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, list | tuple) else [evaluators]
    return any(str(each.get('type')).startswith('ltseg.') for each in evaluators if isinstance(each, Mapping))


def is_record_of(meta: Mapping[str, Any], work_dir: Path) -> bool:
    """Whether the record in a work dir is of the checkpoint that says ``meta`` of its training run."""
    try:
        record = RunRecord.load(work_dir / 'records' / 'val.json')
    except LtsegError:
        return False
    return (record.iterations, record.seed) == (meta.get('iter'), meta.get('seed'))
