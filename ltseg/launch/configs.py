"""Configs from the command line."""

from argparse import ArgumentParser, Namespace
from difflib import get_close_matches
from pathlib import Path

from mmengine.config import Config, DictAction

from ltseg.core.checks import fault
from ltseg.launch.errors import UserError

__all__ = ['add_host_arguments', 'load_config', 'register_hosts']


def add_host_arguments(parser: ArgumentParser) -> None:
    """The flags that every tool shares with MMSegmentation's."""
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and reports (default: work_dirs/CONFIG)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings to change, as key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')


def load_config(options: Namespace) -> Config:
    """The config that the command line names, with its changes.

    Raises:
        UserError: If there is no such file, it is no config, or a change does not fit.
    """
    path = Path(options.config)
    if not path.is_file():
        near = get_close_matches(path.name, [p.name for p in path.parent.glob('*.py')], n=3, cutoff=0.5)
        cure = f'Near it: {", ".join(near)}.' if near else ''
        raise UserError(fault('config', 'a file', options.config, cure))
    try:
        config = Config.fromfile(options.config)
        config.merge_from_dict(options.cfg_options or {})
    except Exception as error:
        kind = type(error).__name__
        raise UserError(
            fault(f'config {options.config}', 'a config that mmengine can read', f'{kind}: {error}')
        ) from error
    config.launcher = options.launcher
    config.work_dir = options.work_dir or config.get('work_dir') or str(Path('work_dirs') / path.stem)
    return config


def register_hosts(config: Config) -> None:
    """Registers the host that the config's default scope names."""
    scope = config.get('default_scope') or 'mmseg'
    if scope == 'mmpretrain':
        from mmpretrain.utils import register_all_modules
    else:
        from mmseg.utils import register_all_modules
    register_all_modules(init_default_scope=True)
