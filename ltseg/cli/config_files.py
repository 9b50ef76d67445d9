"""Configs from the command line."""

import importlib.util
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.logging import MMLogger

from ltseg.checkpoint_files.for_mmengine import use_for_all_files
from ltseg.cli.config_catalog import catalog, find_config
from ltseg.cli.setting_names import check_setting_names
from ltseg.cli.setting_types import check_setting_types
from ltseg.cli.stages import stages_of
from ltseg.compat import quietly
from ltseg.config_parts import without_wrappers
from ltseg.core.checks import near
from ltseg.core.errors import UsageError, describe
from ltseg.counts.data_set_counts import without_pipeline
from ltseg.metrics.task import task_of
from ltseg.nested_datasets import dataset_config, innermost_configs

__all__ = ['add_common_arguments', 'load_config', 'register_modules', 'training_images']


class _Settings(DictAction):
    """mmengine's, with a word on what is no key=value, and on values that it takes for text or never ends to read."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option_string: Any = None) -> None:
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string}: expected key=value, got {value!r}.')
            if not _is_readable(value.partition('=')[2]):
                hint = 'Give each part of a dict by itself, e.g. model.train_cfg.augments.type=Mixup.'
                expected = 'a number, a text, or a list of them in brackets'
                parser.error(describe(str(option_string), expected, repr(value), hint))
        super().__call__(parser, namespace, values, option_string)


def _is_readable(text: str) -> bool:
    """Whether mmengine reads what is meant: it knows no dicts, and brackets around whole lists only."""
    try:
        DictAction._parse_iterable(text)
    except (RecursionError, AssertionError):
        return False
    return 'dict(' not in text


def add_common_arguments(parser: ArgumentParser) -> None:
    """The flags that every tool shares with MMSegmentation's."""
    parser.add_argument('config', help='config file, or the name of a config that comes with ltseg')
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and reports (default: work_dirs/CONFIG)')
    parser.add_argument('--data-root', help='folder of the data, instead of that of each data set in the config')
    parser.add_argument('--cfg-options', nargs='+', action=_Settings, help='settings to change, as key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')


def load_config(options: Namespace, needs: Sequence[str] = ('model',), last_stage: bool = True) -> Config:
    """The config that the command line names, with its changes.

    Args:
        options: Parsed arguments, those of :func:`add_common_arguments` among them. A name of a config that comes with
            ltseg becomes that with its folder, which reports and records keep.
        needs: Parts that the config must have.
        last_stage: Whether a config of several stages gives that of the last one, which makes the final model.

    Raises:
        UsageError: If there is no such file, it is no config, a change does not fit, or parts are missing.
    """
    path = _config_path(options)
    try:
        config = Config.fromfile(str(path))
        check_setting_names(config, options.cfg_options or {})
        config.merge_from_dict(options.cfg_options or {})
        check_setting_types(config)
    except UsageError:
        raise
    except Exception as error:
        kind = f'{type(error).__name__}: {error}'
        raise UsageError(f'config {options.config}', 'a config that mmengine can read', kind) from error
    missing = [part for part in needs if config.get(part) is None]
    if missing:
        raise UsageError(f'config {options.config}', f'the parts {", ".join(needs)}', f'none of {missing}')
    config.launcher = options.launcher
    config.work_dir = options.work_dir or config.get('work_dir') or str(Path('work_dirs') / path.stem)
    if options.data_root:
        for split in ('train', 'val', 'test'):
            for dataset in innermost_configs(dataset_config(config, split)):
                dataset['data_root'] = options.data_root
    return stages_of(config)[-1] if last_stage else config


def _config_path(options: Namespace) -> Path:
    """The file that is meant by ``options.config``."""
    path = Path(options.config)
    if path.is_file():
        return path
    others = [other.name for other in path.parent.glob('*.py')]
    shipped = catalog()
    if (found := find_config(options.config, shipped)) is not None:
        options.config = found.file
        return found.path
    if path.name == options.config:
        others += [config.path.name for config in shipped]
    hint = near(path.name, dict.fromkeys(others), 3)
    raise UsageError('config', 'a file, or the name of a config that comes with ltseg', repr(options.config), hint)


def training_images(config: Config) -> ConfigDict:
    """The config of the training images with the pipeline of validation, without augmentation or wrong labels."""
    true = without_wrappers(config.train_dataloader.dataset, 'NoisyLabels')
    dataset = ConfigDict(without_pipeline(true))  # that of a wrapper may mix images
    pipeline = next(innermost_configs(config.val_dataloader.dataset)).get('pipeline')
    for inner in innermost_configs(dataset):
        inner['pipeline'] = pipeline
    return dataset


def register_modules(config: Config) -> None:
    """Registers mmengine that the config's default scope names, and lets mmengine load checkpoints safely.

    Raises:
        UsageError: If it is not installed.
    """
    scope = task_of(config).scope
    if importlib.util.find_spec(scope) is None:
        hint = 'ltseg check-env says how to install it.'
        raise UsageError(f"default_scope = '{scope}'", f'the package {scope}', 'none installed', hint)
    MMLogger.get_current_instance()  # it keeps the output it is made with, and quietly() would give it another
    with quietly():
        importlib.import_module(f'{scope}.utils').register_all_modules(init_default_scope=True)
    use_for_all_files()
