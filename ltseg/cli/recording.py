"""The run record that training and testing leave."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from ltseg.cli.names import names_of
from ltseg.core.errors import LtsegError
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord, commit_of

__all__ = ['RunRecorder', 'evaluation_of', 'is_record_of', 'leaves_record', 'names_of', 'record_of', 'training_of']

CURVE = 'ltseg_curve'
LOSS_POINTS = 100  # the losses between two points are averaged


def evaluation_of(loop: Any) -> Evaluation | None:
    """The last evaluation of a validation or test loop by ``ltseg.LongTailIoU`` or ``LongTailAccuracy``, or None."""
    metrics = getattr(getattr(loop, 'evaluator', None), 'metrics', ())
    return next((metric.evaluation for metric in metrics if getattr(metric, 'evaluation', None) is not None), None)


def leaves_record(config: Mapping[str, Any]) -> bool:
    """Whether a training run of this config ends with the record of its last validation."""
    evaluators = config.get('val_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, list | tuple) else [evaluators]
    return any(str(each.get('type')).startswith('ltseg.') for each in evaluators if isinstance(each, Mapping))


def is_record_of(meta: Mapping[str, Any], work_dir: Path) -> bool:
    """Whether the record in a work dir is of the checkpoint that says ``meta`` of its training."""
    try:
        record = RunRecord.load(work_dir / 'records' / 'val.json')
    except LtsegError:
        return False
    return (record.iterations, record.seed) == (meta.get('iter'), meta.get('seed'))


def training_of(meta: Mapping[str, Any], records: Path) -> dict[str, Any]:
    """What is known of the training that made a checkpoint, as fields of :class:`RunRecord`.

    Args:
        meta: Of the checkpoint.
        records: Folder in which the training may have left its record, which has the curves.
    """
    known = {'seed': meta.get('seed'), 'iterations': meta.get('iter') or None}
    if not (records / 'val.json').is_file():
        return known
    trained = RunRecord.load(records / 'val.json')
    if trained.seed != known['seed'] or (trained.iterations or 0) < (known['iterations'] or math.inf):
        return known
    same = ('name', 'method', 'model', 'dataset', 'settings', 'curves')
    return known | {field: getattr(trained, field) for field in same}


def record_of(
    evaluation: Evaluation, split: str, config: str, given: Mapping[str, Any], training: Mapping[str, Any]
) -> RunRecord:
    """The record of an evaluation.

    Args:
        evaluation: The result.
        split: 'val' or 'test'.
        config: Path of the config file.
        given: Fields from the command line; those that are None are taken from ``training`` or :func:`names_of`.
        training: See :func:`training_of`.
    """
    known = {
        **names_of(config, given.get('settings')),
        **training,
        **{key: value for key, value in given.items() if value is not None},
    }
    commit = commit_of(Path(__file__).parent)
    return RunRecord(**known, split=split, evaluation=evaluation, config=config, commit=commit)


class RunRecorder(Hook):
    """Keeps the validation metrics of a training, in its checkpoints too, and writes the record at its end.

    Args:
        config: Path of the config file.
        given: As for :func:`record_of`.
    """

    priority = 'LOW'

    def __init__(self, config: str, given: Mapping[str, Any]) -> None:
        self.config, self.given = config, given

    def before_train(self, runner: Runner) -> None:
        """Makes up for a validation that was lost because the training was killed behind its checkpoint."""
        loop = runner.train_loop
        if not runner.iter or not runner.val_loop or not isinstance(loop, IterBasedTrainLoop | EpochBasedTrainLoop):
            return
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        done, last = (runner.epoch, loop.max_epochs) if by_epoch else (runner.iter, loop.max_iters)
        due = done >= loop.val_begin and (done % loop.val_interval == 0 or done >= last)
        # With nothing left to train, nothing but this validation gives the record, be it in the curve or not.
        if due and (done >= last or runner.iter not in {point['iteration'] for point in _curve(runner)}):
            runner.val_loop.run()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Adds a point to the curve."""
        earlier = [point for point in _curve(runner) if point['iteration'] < runner.iter]
        evaluation = evaluation_of(runner.val_loop)
        means = {} if evaluation is None else evaluation.means()
        of_all = ((key, value) for key, value in (metrics or {}).items() if '/' not in key or key in means)
        kept = {key: float(value) for key, value in of_all if value == value}
        runner.message_hub.update_info(CURVE, [*earlier, {'iteration': runner.iter, **kept}])

    def after_train(self, runner: Runner) -> None:
        """Writes the record of the last validation."""
        evaluation = evaluation_of(runner.val_loop)
        if runner.rank or evaluation is None:
            return
        curves = {'val': _curve(runner), 'train': _loss_curve(runner)}
        training = {'seed': runner.seed, 'iterations': runner.iter, 'curves': curves}
        record = record_of(evaluation, 'val', self.config, self.given, training)
        path = record.save(Path(runner.work_dir) / 'records' / 'val.json')
        runner.logger.info(f'Record of the last validation: {path}')


def _curve(runner: Runner) -> list[dict[str, float]]:
    return runner.message_hub.runtime_info.get(CURVE) or []


def _loss_curve(runner: Runner) -> list[dict[str, float]]:
    """Points with the iteration and the mean training loss since the point before."""
    losses = runner.message_hub.log_scalars.get('train/loss')
    values = [] if losses is None else losses.data[0].tolist()
    step = math.ceil(len(values) / LOSS_POINTS) or 1
    before = runner.iter - len(values)  # mmengine keeps the last million
    ends = range(step, len(values) + 1, step)
    return [{'iteration': before + end, 'loss': math.fsum(values[end - step : end]) / step} for end in ends]
