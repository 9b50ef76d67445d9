"""The run record that training and testing leave."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ltseg.core.checks import fault
from ltseg.launch.errors import UserError
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord, commit_of

__all__ = ['RunRecorder', 'evaluation_of', 'names_of', 'record_of']

CURVE = 'ltseg_curve'
NAMES = {
    'unet': 'U-Net',
    'deeplabv3plus': 'DeepLabv3+',
    'camvid': 'CamVid',
    'cityscapes': 'Cityscapes',
    'minicity': 'MiniCity',
    'ce': 'cross entropy',
    'arb': 'ARB (batch)',
    'balanced_softmax': 'balanced softmax',
    'logit_adjusted': 'logit adjusted (0.5)',
    'ldam': 'LDAM',
    'class_balanced': 'class-balanced',
    'focal': 'focal',
    'seesaw': 'Seesaw',
}


def names_of(config: str) -> dict[str, str]:
    """Model, method and data set of a config file named ``<model>_<method>_<dataset>.py``."""
    stem = Path(config).stem
    model, _, rest = stem.partition('_')
    method, _, dataset = rest.rpartition('_')
    names = {'name': stem, 'model': model, 'method': method or stem, 'dataset': dataset or stem}
    return {key: NAMES.get(value, value) for key, value in names.items()}


def evaluation_of(evaluator: Any) -> Evaluation:
    """The last evaluation of the evaluator's ``ltseg.LongTailIoU``.

    Raises:
        UserError: If the evaluator has none.
    """
    for metric in evaluator.metrics:
        if getattr(metric, 'evaluation', None) is not None:
            return metric.evaluation
    cure = "Set val_evaluator and test_evaluator to dict(type='ltseg.LongTailIoU')."
    raise UserError(
        fault('report', 'an evaluation by ltseg.LongTailIoU', [type(m).__name__ for m in evaluator.metrics], cure)
    )


def record_of(
    runner: Runner, evaluation: Evaluation, split: str, config: str, names: Mapping[str, str | None]
) -> RunRecord:
    """The record of what ``runner`` has evaluated.

    Args:
        runner: After training or testing.
        evaluation: The result.
        split: 'val' or 'test'.
        config: Path of the config file.
        names: Replace those of :func:`names_of`, where they are not None.
    """
    given = {key: value for key, value in names.items() if value}
    curve = runner.message_hub.runtime_info.get(CURVE) or []
    return RunRecord(
        **{**names_of(config), **given},  # type: ignore[arg-type]
        split=split,
        evaluation=evaluation,
        seed=runner.seed,
        config=config,
        iterations=runner.iter or None,
        curves={'val': curve} if curve else {},
        commit=commit_of(Path(__file__).parent),
    )


class RunRecorder(Hook):
    """Keeps the validation metrics of a training, in its checkpoints too, and writes the record at its end.

    Args:
        config: Path of the config file.
        names: As for :func:`record_of`.
        settings: What the command line changed.
    """

    priority = 'LOW'

    def __init__(self, config: str, names: Mapping[str, str | None], settings: Mapping[str, Any]) -> None:
        self.config, self.names, self.settings = config, names, settings

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Adds a point to the curve."""
        curve = [
            point for point in runner.message_hub.runtime_info.get(CURVE) or [] if point['iteration'] < runner.iter
        ]
        kept = {key: float(value) for key, value in (metrics or {}).items() if '/' not in key and value == value}
        runner.message_hub.update_info(CURVE, [*curve, {'iteration': runner.iter, **kept}])

    def after_train(self, runner: Runner) -> None:
        """Writes the record of the last validation."""
        evaluator = getattr(runner.val_loop, 'evaluator', None) if runner.val_loop else None
        if runner.rank or evaluator is None or not any(getattr(m, 'evaluation', None) for m in evaluator.metrics):
            return
        record = record_of(runner, evaluation_of(evaluator), 'val', self.config, self.names)
        path = replace(record, settings=self.settings).save(Path(runner.work_dir) / 'records' / 'val.json')
        runner.logger.info(f'Record of the last validation: {path}')
