"""The weights of a config that change during training, without training it."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mmengine.config import Config

from ltseg.cli.labels.part import is_part, part_label, type_of
from ltseg.cli.runner import CalmRunner
from ltseg.config_parts import hooks_of, parts_of, type_name
from ltseg.hooks import DeferredRules
from ltseg.losses import ISDALoss, LogitsLoss
from ltseg.metrics.task import task_of
from ltseg.models import BilateralClassifier
from ltseg.models.bbn import instance_share
from ltseg.registry import HOOKS, MODELS
from ltseg.regularizers.regularizer import Regularizer
from ltseg.reports.collapse.schedules import Term, schedule_figure, schedule_lines
from ltseg.reports.figures.figure import Figure, Series
from ltseg.schedules import Progress, Schedule

__all__ = ['scheduled_lines', 'weight_figures']

FINE = 1000  # iterations of an epoch where nothing depends on their number: a fraction of training is nearly continuous


def weight_figures(runs: Mapping[str, Sequence[Config]]) -> list[Figure]:
    """For each stage of training a figure of the weights that change; of several runs those in which they differ.

    Args:
        runs: The config of each stage, by the name of the run. Lines of a run have the same color where they are
            several.
    """
    figures = []
    for stages in zip(*runs.values(), strict=True):
        found = [scheduled_lines(stage) for stage in stages]
        lines = found[0]
        if len(runs) > 1:
            lines = [
                replace(line, name=f'{name}: {line.name}', color=place)
                for place, (name, own) in enumerate(zip(runs, found, strict=True))
                for line in own
                if not all(any(_is_same(line, other) for other in others) for others in found)
            ]
        if lines:
            several = any(len(all_stages) > 1 for all_stages in runs.values())
            name = Path(stages[0].work_dir).name if several else ''
            figures.append(schedule_figure(lines, _is_by_epoch(stages[0]), name))
    return figures


def scheduled_lines(config: Config) -> list[Series]:
    """The weights that change over training: of losses and regularizers, the strength of ISDA, rules that begin late,
    and the branches of BBN."""
    terms = [*_of_model(config), *_of_hooks(config)] if config.get('train_cfg') else []
    if not terms:
        return []
    if not _is_by_epoch(config):
        return schedule_lines(terms, Progress(max_iters=config.train_cfg.max_iters), by_epoch=False)
    epochs, each = config.train_cfg.max_epochs, FINE
    if any(term.in_iterations for term in terms):
        each = len(CalmRunner.build_dataloader(config.train_dataloader, seed=0))
    return schedule_lines(terms, Progress(max_iters=epochs * each, max_epochs=epochs), by_epoch=True)


def _is_by_epoch(config: Config) -> bool:
    return 'max_epochs' in config.train_cfg


def _is_same(line: Series, other: Series) -> bool:
    return (line.x, line.y, line.dashed) == (other.x, other.y, other.dashed)


def _of_model(config: Config) -> Iterator[Term]:
    scope = task_of(config).scope
    for _, part in parts_of(config.model, 'model'):
        kind = type_of(part, scope) if is_part(part) else None
        if not inspect.isclass(kind):
            continue
        if issubclass(kind, BilateralClassifier):
            share = partial(instance_share, epochs=part.get('epochs'))
            yield Term('branch of images as they occur', share)
            yield Term('branch of rare classes', _rest_of(share), is_complement=True)
        elif issubclass(kind, LogitsLoss | Regularizer):
            yield from _of_loss(MODELS.build(part), part, scope)


def _rest_of(share: Callable[[Progress], float]) -> Callable[[Progress], float]:
    return lambda progress: 1 - share(progress)


def _of_loss(built: LogitsLoss | Regularizer, part: dict, scope: str) -> Iterator[Term]:
    name = part_label({key: value for key, value in part.items() if key not in ('schedule', 'ramp')}, scope)
    if built.schedule is not None:
        yield _term(name, built.schedule)
    if isinstance(built, ISDALoss) and len(set(built.ramp)) > 1:
        yield Term(f'strength of {name}', built.growth)


def _of_hooks(config: Config) -> Iterator[Term]:
    for _, part in hooks_of(config):
        if type_name(part) == DeferredRules.__name__:
            hook = HOOKS.build(part)
            schedule = Schedule(start=hook.begin, unit='epoch' if hook.by_epoch else 'iter')
            yield _term(part_label(part, task_of(config).scope), schedule)


def _term(name: str, schedule: Schedule) -> Term:
    return Term(name, schedule.factor, schedule.complement, schedule.unit == 'iter')
