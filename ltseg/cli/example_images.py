"""Trained models of a report's methods, for images where rare classes fail."""

from pathlib import Path

from mmengine.config import Config
from rich.console import Console

from ltseg.cli.checkpoints import trained_checkpoint
from ltseg.cli.checks import check_config
from ltseg.cli.config_files import register_modules
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.known_types import check_known_types
from ltseg.core.errors import UsageError
from ltseg.reports.page.examples import Examples, find_examples
from ltseg.reports.page.methods import Study
from ltseg.reports.runs import Run
from ltseg.trained.tasks import trained_model

__all__ = ['example_images']

ANOTHER_WAY = ('posthoc', 'tta', 'nearest_mean')  # settings of records whose predictions are not those of the model


def example_images(study: Study, number: int, console: Console) -> Examples:
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
        models[method.label] = trained_model(_prepared(config, run), checkpoint)
    if not models:
        hint = 'Give work dirs that still have their checkpoints, or leave --images out.'
        raise UsageError('--images', 'a work dir with a checkpoint and the records', 'none', hint)
    return find_examples(study, models, number)


def _checkpoint_of(run: Run) -> Path | None:
    """The checkpoint of the record's iteration, else the last one."""
    return None if run.work_dir is None else trained_checkpoint(run.work_dir, run.record.iterations)


def _prepared(config: Config, run: Run) -> Config:
    config = Config(config.to_dict())
    config.work_dir = str(run.work_dir)
    register_modules(config)
    parts = ('model', 'data_preprocessor', *(f'{split}_dataloader' for split in ('train', 'val', 'test')))
    check_known_types({part: config.get(part) for part in parts}, f'the config in {run.work_dir}')
    settle_ignored(config, training=False)
    check_config(config, training=False)
    return config
