"""Misspelt settings that mmengine meets after hours, or not before its seed is set: keys that it hands on unseen."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from ltseg.config_parts import hooks_of, parts_of, type_name
from ltseg.core.checks import near
from ltseg.core.errors import describe

__all__ = ['key_faults']


def _arguments(called: Callable) -> frozenset[str]:
    parameters = inspect.signature(called).parameters.values()
    return frozenset(each.name for each in parameters if each.kind is not each.VAR_KEYWORD) - {'self', 'parameters'}


# A CheckpointHook hands what it does not know on to the runner when it writes the first checkpoint.
CHECKPOINT = _arguments(CheckpointHook.__init__) | {'meta', 'type', 'priority', '_scope_'}
CLIPPING = {'norm': _arguments(clip_grad_norm_) | {'type'}, 'value': _arguments(clip_grad_value_) | {'type'}}
RANDOMNESS = _arguments(Runner.set_randomness)


def key_faults(config: Config, training: bool) -> Iterator[str]:
    """The settings of checkpoints, of gradient clipping and of the seed that nobody takes, a message each."""
    yield from _unknown('randomness', config.get('randomness'), RANDOMNESS)
    if not training:
        return
    for path, hook in _checkpoint_hooks(config):
        yield from _unknown(path, hook, CHECKPOINT)
    for path, part in parts_of(config.get('optim_wrapper'), 'optim_wrapper'):
        clipping = part.get('clip_grad')
        if isinstance(clipping, dict) and clipping.get('type', 'norm') in CLIPPING:
            yield from _unknown(f'{path}.clip_grad', clipping, CLIPPING[clipping.get('type', 'norm')])


def _checkpoint_hooks(config: Config) -> Iterator[tuple[str, dict]]:
    for path, hook in hooks_of(config):
        is_default = path == 'default_hooks.checkpoint' and 'type' not in hook
        if is_default or type_name(hook) == 'CheckpointHook':
            yield path, hook


def _unknown(path: str, part: Any, known: frozenset[str]) -> Iterator[str]:
    for key in sorted(set(part if isinstance(part, dict) else ()) - known):
        yield describe(path, f'the settings {", ".join(sorted(known))}', repr(key), near(key, known))
