"""What a hook monitors is measured, and is better where it says so: never guessed from the name of a class."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.optim import ReduceOnPlateauLR
from mmengine.registry import METRICS
from tiny_training import quick_tools, tool, write_classification, write_training

from ltseg.cli.config_files import register_modules
from ltseg.cli.dry_run import dry_run
from ltseg.cli.monitored import Measured, infer_rules, monitor_faults

VALUES = {'mIoU': 50.0, 'IoU/loss': 50.0, 'Acc/lossy': 50.0, 'IoU/car': 50.0, 'IoU/bus': float('nan')}
MEASURED = Measured(VALUES, dict.fromkeys(VALUES, 'greater'))
HOOKS = {
    'default': lambda key: {'default_hooks': {'checkpoint': {'save_best': key}}},
    'custom': lambda key: {'custom_hooks': [{'type': 'CheckpointHook', 'save_best': [key]}]},
    'stopping': lambda key: {'custom_hooks': [{'type': 'mmengine.EarlyStoppingHook', 'monitor': key}]},
    'plateau': lambda key: {'param_scheduler': {'optimizer': [{'type': 'ReduceOnPlateauLR', 'monitor': key}]}},
}
every_hook = pytest.mark.parametrize('kind', HOOKS)


def config_of(kind: str, key: str, **more: Any) -> Config:
    loop = {'max_epochs': 5, 'val_begin': 5}
    return Config({'val_dataloader': {}, 'train_cfg': loop, **HOOKS[kind](key), **more})


def hook_of(config: Config) -> dict:
    """The hook, or the schedule."""
    schedules = config.get('param_scheduler', {}).get('optimizer')
    return (schedules or config.get('custom_hooks') or [config.get('default_hooks', {}).get('checkpoint')])[0]


def faults(config: Config, measured: Measured = MEASURED) -> list[str]:
    return list(monitor_faults(config, measured, lambda: {'IoU/bus'}))


@every_hook
@pytest.mark.parametrize('key', ['mIoU', 'IoU/loss', 'Acc/lossy', 'IoU/car'])
def test_more_is_better_whatever_a_class_is_called(kind: str, key: str) -> None:
    config = config_of(kind, key)
    assert not faults(config)
    infer_rules(config, MEASURED.rules)
    hook = dict(hook_of(config))
    hook.pop('type', None)
    if kind == 'plateau':
        made = ReduceOnPlateauLR(torch.optim.SGD([torch.zeros(1)], 0.1), **hook).rule
    else:
        made = EarlyStoppingHook(**hook).rule if kind == 'stopping' else CheckpointHook(**hook).rules[0]
    assert made == 'greater'


@every_hook
def test_a_rule_that_is_given_stays(kind: str) -> None:
    config = config_of(kind, 'IoU/loss')
    hook_of(config)['rule'] = 'less'
    infer_rules(config, MEASURED.rules)
    assert hook_of(config)['rule'] == 'less'


@every_hook
def test_a_metric_of_which_nothing_is_known_needs_a_rule(kind: str) -> None:
    config, foreign = config_of(kind, 'other/mse'), Measured({**VALUES, 'other/mse': 1.0}, MEASURED.rules, False)
    (fault,) = faults(config, foreign)
    assert ".rule: expected which values of 'other/mse' are better, got none. Set " in fault
    hinted(".rule='greater', or 'less' where a smaller value is better.", fault)
    infer_rules(config, foreign.rules)
    assert 'rule' not in hook_of(config)
    hook_of(config)['rule'] = 'less'
    assert not faults(config, foreign)


@every_hook
@pytest.mark.parametrize(('key', 'said'), [('IoU/cra', 'Near it: IoU/car'), ('IoU/bus', 'have no sample there')])
def test_a_metric_that_there_is_not(kind: str, key: str, said: str) -> None:
    (fault,) = faults(config_of(kind, key))
    paths = {'default': 'default_hooks.checkpoint.save_best', 'plateau': 'param_scheduler.optimizer.0.monitor'}
    assert fault.startswith(paths.get(kind, 'custom_hooks.0.')) and said in fault
    if key == 'IoU/bus':
        hinted('Choose another metric, or another split.', fault)
        assert not faults(config_of(kind, 'mIoU'))
        full = Measured({**VALUES, key: 50.0}, MEASURED.rules)  # a split with buses
        assert not list(monitor_faults(config_of(kind, key), full, set))
    else:
        hinted('Near it: ', fault)
        assert not faults(config_of(kind, 'IoU/car'))


@every_hook
@pytest.mark.parametrize(
    'without', [{'val_dataloader': None}, {'train_cfg': {'max_iters': 4, 'val_begin': 5}}, {'train_cfg': {}}]
)
def test_what_is_never_measured(kind: str, without: dict) -> None:
    found = faults(config_of(kind, 'mIoU', **without))
    if without == {'train_cfg': {}}:
        assert not found
    else:
        assert 'expected validation during training' in found[0] and len(found) == 1
        hinted('Give the config a val_dataloader, val_cfg and val_evaluator, or leave this setting out.', found[0])
        assert not faults(config_of(kind, 'mIoU')) and not faults(Config({'train_cfg': {}, **without}))


def test_errors_of_calibration_are_better_when_smaller(tmp_path: Path) -> None:
    config = Config.fromfile(write_classification(tmp_path))
    register_modules(config)
    rules = dry_run(config).rules
    assert rules['ece/few'] == 'less' and rules['accuracy/few'] == 'greater'
    config.val_evaluator.prefix = 'own'
    assert dry_run(config).rules['own/ece/few'] == 'less'


@METRICS.register_module()
class MeanSquaredErrorOfNothing(BaseMetric):
    default_prefix = 'other'

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(torch.zeros(1))

    def compute_metrics(self, results: list) -> dict[str, float]:
        return {'mse': 0.0}


def test_the_command_asks_for_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluators = [{'type': 'ltseg.LongTailIoU'}, {'type': 'mmengine.MeanSquaredErrorOfNothing'}]
    path = write_training(tmp_path, val_evaluator=evaluators, **{'default_hooks.checkpoint.save_best': 'other/mse'})
    with quick_tools(), pytest.raises(SystemExit):
        tool('train')([str(path), '--dry-run'])
    assert "Set default_hooks.checkpoint.rule='greater', or 'less'" in capsys.readouterr().err
    with quick_tools():
        tool('train')([str(path), '--dry-run', '--cfg-options', 'default_hooks.checkpoint.rule=less'])


@pytest.mark.parametrize('kind', ['ReduceOnPlateauLR', 'ReduceOnPlateauMomentum', ReduceOnPlateauLR])
def test_a_schedule_monitors_the_loss_by_default_which_validation_does_not_give(kind: Any) -> None:
    (fault,) = faults(Config({'val_dataloader': {}, 'param_scheduler': {'type': kind}}))
    assert fault.startswith("param_scheduler.monitor: expected the name of a metric of val_evaluator, got 'loss'")


def test_a_learning_rate_that_falls_by_a_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Training with the name of the hint lets it fall when the metric does not rise, without a rule."""
    schedule = {'type': 'ReduceOnPlateauLR', 'monitor': 'IoU/cra', 'patience': 0, 'factor': 0.1}
    path = write_training(tmp_path, 2, param_scheduler=[schedule], **{'train_cfg.val_interval': 1})
    with quick_tools(), pytest.raises(SystemExit):
        tool('train')([str(path), '--dry-run'])
    text = capsys.readouterr().err
    assert "param_scheduler.0.monitor: expected the name of a metric of val_evaluator, got 'IoU/cra'. " in text
    assert 'IoU/Car' in text
    with quick_tools():
        tool('train')([str(path), '--cfg-options', 'param_scheduler.0.monitor=IoU/Car'])
    saved = torch.load(tmp_path / 'work_dirs/training/iter_2.pth', weights_only=False)
    (state,) = saved['param_schedulers']
    assert state['monitor'] == 'IoU/Car' and state['rule'] == 'greater'
