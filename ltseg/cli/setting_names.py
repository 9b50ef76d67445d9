"""Settings that nobody reads, because their name is misspelt."""

import inspect
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner

from ltseg.core.checks import near
from ltseg.core.errors import UsageError, describe

__all__ = ['check_setting_names']

RUNNER = {*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg'}
# What else mmengine, the scripts of MMSegmentation and MMPretrain, and ltseg read of a config.
READ = RUNNER | {
    'activation_checkpointing',
    'auto_scale_lr',
    'choose',
    'compile',
    'custom_imports',
    'default_scope',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'report',
    'runner_type',
    'stages',
    'strategy',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
}
ALIKE = 0.88  # of difflib, from which on a name is another one misspelt


def check_setting_names(config: Config, options: Mapping[str, Any]) -> None:
    """Refuses settings that nobody would read; a variable of the config, whose changes come too late, is only named.

    Args:
        config: As its file has it.
        options: The changes of the command line by their dotted keys.

    Raises:
        UsageError: If a change is of a part that neither the config has nor anybody reads, or a part of the config is
            called nearly as one that mmengine reads; with the right names.
    """
    faults = [*_unknown_options(options, {*config} | READ), *_misspelt_parts(config)]
    if faults:
        raise UsageError('\n'.join(faults))
    late = sorted({name for name in map(_part, options) if name in config and name not in READ})
    if late:
        hint = 'Change them there, e.g. optim_wrapper.optimizer.lr.'
        text = f'--cfg-options: {", ".join(late)}: variables of the config file, put where they are used before. {hint}'
        print_log(text, 'current', logging.WARNING)


def _part(key: str) -> str:
    return key.split('.')[0]


def _unknown_options(options: Iterable[str], known: set[str]) -> Iterator[str]:
    for key in options:
        if _part(key) not in known:
            yield describe('--cfg-options', 'a part of the config', repr(key), near(_part(key), sorted(known)))


def _misspelt_parts(config: Config) -> Iterator[str]:
    for name, value in config.items():
        meant = get_close_matches(name, RUNNER, n=1, cutoff=ALIKE)
        if name in READ or not meant or not isinstance(value, dict | list | tuple):
            continue
        is_variant = meant[0] in config and (name.startswith(meant[0]) or meant[0].startswith(name))  # custom_hook
        if not is_variant and not _is_read(name, config.text):
            hint = f'Did you mean {meant[0]!r}? Give a variable of your own a name that is less alike.'
            yield describe('config', 'parts that mmengine reads', repr(name), hint)


def _is_read(name: str, text: str) -> bool:
    """Whether the text of a config uses a name, beyond setting it."""
    return re.search(rf'\b{re.escape(name)}\b(?!\s*=[^=])(?!["\']?\s*:)', text) is not None
