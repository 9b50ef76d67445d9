"""What is monitored: metrics by which a best checkpoint is kept, training is stopped, or a learning rate falls."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config
from mmengine.hooks import EarlyStoppingHook
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

from ltseg.config_parts import hooks_of, parts_of, type_name
from ltseg.core.checks import near
from ltseg.core.errors import describe

__all__ = ['Measured', 'give_any_rule', 'infer_rules', 'monitor_faults']

ENDS = (('val_begin', 'max_iters'), ('val_begin', 'max_epochs'))
NO_VALIDATION = 'Give the config a val_dataloader, val_cfg and val_evaluator, or leave this setting out.'
ASK = "Set {0}.rule='greater', or 'less' where a smaller value is better."


@dataclass(frozen=True)
class Measured:
    """What evaluators return.

    Args:
        values: The metrics by their key.
        rules: 'greater' or 'less', whichever is better, by the key of each metric whose meaning is known.
        is_all: Whether the evaluators return nothing else.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    is_all: bool = True

    def __and__(self, other: 'Measured') -> 'Measured':
        """What both return."""
        return Measured({**self.values, **other.values}, {**self.rules, **other.rules}, self.is_all and other.is_all)


@dataclass(frozen=True)
class _Monitor:
    """A hook or a schedule that monitors metrics, its dotted path, and the setting of the metrics."""

    part: dict[str, Any]
    path: str
    setting: str
    is_schedule: bool = False

    @property
    def keys(self) -> list[str]:
        """The metrics, but for the first one that validation returns, 'auto'."""
        keys = self.part.get(self.setting, 'loss')  # the default of schedules
        listed = keys if isinstance(keys, list | tuple) else [keys]
        return [key for key in listed if isinstance(key, str) and key != 'auto']

    @property
    def lacks_rule(self) -> bool:
        """Whether nothing says which values are better."""
        return not any(self.part.get(key) for key in ('rule', 'greater_keys', 'less_keys'))


def infer_rules(config: Config, rules: Mapping[str, str]) -> None:
    """Gives what monitors known metrics the rule that mmengine asks for, or would wrongly guess or take by default.

    Args:
        config: Changed in place.
        rules: Of :class:`Measured`.
    """
    for monitor in _monitors(config):
        found = [rules.get(key) or _guess(key) for key in monitor.keys]
        if not found or None in found or not monitor.lacks_rule:
            continue
        if monitor.setting == 'save_best':
            monitor.part['rule'] = found
        elif found[0] != ('less' if monitor.is_schedule else _guess(monitor.keys[0])):
            monitor.part['rule'] = found[0]


def give_any_rule(config: Config) -> None:
    """Lets hooks be built that lack a rule, for an evaluation: mmengine builds them there, too, and uses none."""
    for monitor in _monitors(config):
        if monitor.lacks_rule:
            monitor.part['rule'] = 'greater'


def monitor_faults(config: Config, measured: Measured, never_known: Callable[[], set[str]]) -> Iterator[str]:
    """What is wrong with the metrics that hooks and schedules monitor.

    Args:
        config: Of the run.
        measured: By the evaluators of validation.
        never_known: Gives the keys of metrics that are nan whatever is predicted; called only where it matters.
    """
    never = _never_validates(config)
    for monitor in _monitors(config):
        where = f'{monitor.path}.{monitor.setting}'
        if never:
            yield describe(where, 'validation during training, which it is about', never, NO_VALIDATION)
            continue
        for key in monitor.keys:
            if key not in measured.values and measured.values and measured.is_all:
                hint = near(key, measured.values, 3)
                yield describe(where, 'the name of a metric of val_evaluator', repr(key), hint)
            elif math.isnan(measured.values.get(key, 0.0)) and key in never_known():
                got, hint = f'{key!r}, whose classes have no sample there', 'Choose another metric, or another split.'
                yield describe(where, 'a metric that validation can measure', got, hint)
            elif monitor.lacks_rule and key not in measured.rules and _guess(key) is None:
                hint = ASK.format(monitor.path)
                yield describe(f'{monitor.path}.rule', f'which values of {key!r} are better', 'none', hint)


def _monitors(config: Config) -> Iterator[_Monitor]:
    for path, hook in hooks_of(config):
        setting = 'monitor' if type_name(hook) == 'EarlyStoppingHook' else 'save_best'
        if hook.get(setting):
            yield _Monitor(hook, path, setting)
    for path, schedule in parts_of(config.get('param_scheduler'), 'param_scheduler'):
        kind = schedule.get('type')
        made = PARAM_SCHEDULERS.get(kind) if isinstance(kind, str) else kind
        if inspect.isclass(made) and issubclass(made, ReduceOnPlateauParamScheduler):
            yield _Monitor(schedule, path, 'monitor', is_schedule=True)


def _guess(key: str) -> str | None:
    """The rule that mmengine makes of the name of a metric; None where it makes none."""
    try:
        return EarlyStoppingHook(monitor=key).rule
    except ValueError:
        return None


def _never_validates(config: Config) -> str:
    """Why there is no validation during training; empty where there is."""
    if config.get('val_dataloader') is None:
        return 'no val_dataloader'
    loop = config.get('train_cfg') or {}
    for begin, end in ENDS:
        if isinstance(loop.get(begin), int) and isinstance(loop.get(end), int) and loop[begin] > loop[end]:
            return f'train_cfg.{begin}={loop[begin]}, behind {end}={loop[end]}'
    return ''
