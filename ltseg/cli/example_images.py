"""Trained models of a report's methods, for images where rare classes fail."""

from pathlib import Path

from mmengine.config import Config
from rich.console import Console

from ltseg.cli.checkpoints import trained_checkpoint
from ltseg.cli.checks import check_config
from ltseg.cli.config_files import register_modules
from ltseg.cli.errors import message_of
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.known_types import check_known_types
from ltseg.core.errors import LtsegError, UsageError
from ltseg.core.json_values import check_kind
from ltseg.reports.comparison import Comparison
from ltseg.reports.page.examples import Examples, find_examples
from ltseg.reports.runs import Run
from ltseg.trained.model import TrainedModel
from ltseg.trained.tasks import trained_model

__all__ = ['example_images']

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
NEEDED = ('default_scope', 'model', 'data_preprocessor', *LOADERS)  # for predictions
EVALUATORS = ('val_evaluator', 'test_evaluator')  # which say what is ignored
ANOTHER_WAY = ('posthoc', 'tta', 'nearest_mean')  # settings of records whose predictions are not those of the model


def example_images(study: Comparison, number: int, console: Console) -> Examples:
    """Images where rare classes fail, by the first run of each method whose checkpoint is in its work dir.

    Raises:
        UsageError: If there is no checkpoint of any method.
    """
    models = {}
    for method in study.methods:
        run = method.runs[0]
        if set(ANOTHER_WAY) & set(run.record.settings):
            continue
        checkpoint, config = _checkpoint_of(run), run.config
        if checkpoint is None or config is None:
            console.print(f'No images of {method.label}: no checkpoint and config in {run.work_dir or "a work dir"}.')
            continue
        models[method.label] = _built(config, run, checkpoint)
    if not models:
        hint = 'Give work dirs that still have their checkpoints, or leave --images out.'
        raise UsageError('--images', 'a work dir with a checkpoint and the records', 'none', hint)
    return find_examples(study, models, number)


def _checkpoint_of(run: Run) -> Path | None:
    """The checkpoint of the record's iteration, else the last one."""
    return None if run.work_dir is None else trained_checkpoint(run.work_dir, run.record.iterations)


def _built(config: Config, run: Run, checkpoint: Path) -> TrainedModel:
    """The model, or one message: a config that somebody sent may hold values of any type in any place."""
    try:
        return trained_model(_prepared(config, run), checkpoint)
    except LtsegError:
        raise
    except Exception as error:
        got = message_of(error) or f'{type(error).__name__}: {error}'
        raise UsageError(f'the config in {run.work_dir}', 'a model that can be built', got) from error


def _prepared(config: Config, run: Run) -> Config:
    where = f'the config in {run.work_dir}'
    parts = {part: config[part] for part in NEEDED if config.get(part) is not None}
    for part, value in parts.items():
        kind, name = (str, 'a text') if part == 'default_scope' else (dict, 'a dict')
        check_kind(f'{where}, {part}', value, kind, name)
    evaluators = {part: config[part] for part in EVALUATORS if config.get(part) is not None}
    check_known_types({**parts, **evaluators}, where)
    config = Config({**parts, **evaluators, 'work_dir': str(run.work_dir)})
    register_modules(config)
    settle_ignored(config, training=False)
    check_config(config, training=False)
    return config
