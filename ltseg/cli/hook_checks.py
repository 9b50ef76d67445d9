"""Parts of a model that learn nothing without a hook, and files that hooks read, before training."""

from collections.abc import Iterator

from mmengine.config import Config

from ltseg.config_parts import hooks_of, parts_of, type_name
from ltseg.core.errors import MissingFileError, describe
from ltseg.trained.experts import check_expert_file

__all__ = ['NEEDED', 'hook_faults']

# By the type of a part the hook that it cannot do without.
NEEDED = {'SubclassBalancedContrastiveLoss': 'ClusterSubclasses', 'LFMELoss': 'LearnFromExperts'}


def hook_faults(config: Config) -> Iterator[str]:
    """What is missing for a training run: the hooks of parts of the model, and checkpoints of experts."""
    hooks = dict(hooks_of(config))
    present = {type_name(hook) for hook in hooks.values()}
    for path, part in parts_of(config.model, 'model'):
        if (needed := NEEDED.get(type_name(part), '')) and needed not in present:
            hint = f'Add ltseg.{needed} to custom_hooks, as its docstring shows.'
            yield describe(path, f'ltseg.{needed} among custom_hooks', 'none', hint)
    for path, hook in hooks.items():
        experts = hook.get('experts') if type_name(hook) == 'LearnFromExperts' else None
        for index, expert in enumerate(experts if isinstance(experts, list | tuple) else ()):
            file = expert.get('checkpoint') if isinstance(expert, dict) else expert
            try:
                check_expert_file(f'{path}.experts.{index}', str(file))
            except MissingFileError as error:
                yield str(error)
