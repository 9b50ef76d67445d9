"""The run record that training leaves."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ltseg.cli.run_records import RunSource, evaluation_of, number_of, other_metrics, record_of
from ltseg.hooks.resumed_training import is_over, validation_is_due

__all__ = ['LostValidation', 'RunRecorder']

CURVE = 'ltseg_curve'
LOSS_POINTS = 100  # the losses between two points are averaged


class LostValidation(Hook):
    """Makes up for a validation that was lost because the training run was killed behind its checkpoint."""

    priority = 'LOWEST'  # behind mmengine's CheckpointHook, which has to know where to save the best checkpoint

    def before_train(self, runner: Runner) -> None:
        """Validates before training goes on."""
        # With nothing left to train, nothing but this validation gives the record, be it in the curve or not.
        lost = is_over(runner) or runner.iter not in {point['iteration'] for point in _curve(runner)}
        if validation_is_due(runner) and lost:
            runner.val_loop.run()


class RunRecorder(Hook):
    """Keeps the validation metrics of a training run, in its checkpoints too, and writes the record at its end.

    Args:
        source: What the config and the command line say.
    """

    priority = 'LOW'

    def __init__(self, source: RunSource) -> None:
        self.source = source
        self._metrics: Mapping[str, Any] = {}

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Adds a point to the curve."""
        earlier = [point for point in _curve(runner) if point['iteration'] < runner.iter]
        evaluation = evaluation_of(runner.val_loop)
        self._metrics = dict(metrics or {})
        shown = dict(self._metrics)
        if evaluation is not None:
            means = evaluation.means()
            shown = {key: value for key, value in shown.items() if key in means}
            shown |= other_metrics(evaluation, self._metrics)
        kept = {key: number for key, value in shown.items() if (number := number_of(value)) is not None}
        runner.message_hub.update_info(CURVE, [*earlier, {'iteration': runner.iter, **kept}])

    def after_train(self, runner: Runner) -> None:
        """Writes the record of the last validation."""
        evaluation = evaluation_of(runner.val_loop)
        if runner.rank or evaluation is None:
            return
        curves = {'val': _curve(runner), 'train': _loss_curve(runner)}
        training = {'seed': runner.seed, 'iterations': runner.iter, 'curves': curves}
        record = record_of(evaluation, 'val', self.source, training, self._metrics)
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
