"""Training of a part of a model: the rest keeps its weights and its statistics."""

from collections.abc import Sequence

import torch
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from ltseg.core.checks import near
from ltseg.core.errors import InvalidValueError
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.registry import HOOKS

__all__ = ['TrainOnly']


@HOOKS.register_module()
class TrainOnly(Hook):
    """Freezes all parameters but the named ones; the second stage of cRT, LWS, MiSLAS and weight balancing.

    A name stands for a parameter, or for all those of a module: 'head.fc' for 'head.fc.weight' and 'head.fc.bias'.

    Args:
        parameters: Names of what is trained.
        reinitialize: Names of modules whose weights are drawn anew before the first iteration, from N(0, 0.01) with
            biases 0; not after a resume.
        freeze_statistics: Whether normalisation layers without a trained parameter normalise by their running
            statistics, which stay as they are. False lets the statistics follow the new stage's batches (MiSLAS's
            "shifted" batch normalisation).

    Source:
        Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020, section 4;
        Zhong et al., Improving Calibration for Long-Tailed Recognition (MiSLAS), CVPR 2021, section 3
        (shifted batch normalisation).

    Example:
        >>> import tempfile, torch
        >>> from mmengine.model import BaseModel
        >>> from mmengine.runner import Runner
        >>> class Model(BaseModel):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.trunk, self.fc = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
        ...     def forward(self, inputs, label, mode='loss'):
        ...         return {'loss': torch.nn.functional.cross_entropy(self.fc(self.trunk(inputs)), label)}
        >>> model = Model()
        >>> before = {name: value.clone() for name, value in model.named_parameters()}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         model, folder, train_dataloader=dict(
        ...             dataset=[{'inputs': torch.ones(2), 'label': 0}], batch_size=1, num_workers=0,
        ...             sampler=dict(type='DefaultSampler'), collate_fn=dict(type='default_collate')),
        ...         train_cfg=dict(by_epoch=False, max_iters=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        ...         custom_hooks=[dict(type='ltseg.TrainOnly', parameters=['fc'])], default_scope='mmengine',
        ...         experiment_name=folder, log_level='ERROR')
        ...     _ = runner.train()
        >>> [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
        ['fc.weight', 'fc.bias']
    """

    short_name = 'only {parameters}'

    priority = 'HIGH'  # EMAHook (NORMAL) copies the model in before_run

    def __init__(
        self, parameters: Sequence[str], reinitialize: Sequence[str] = (), freeze_statistics: bool = True
    ) -> None:
        if isinstance(parameters, str) or isinstance(reinitialize, str) or not parameters:
            raise InvalidValueError('TrainOnly', 'lists of names', repr((parameters, reinitialize)))
        self.parameters, self.reinitialize = list(parameters), list(reinitialize)
        self.freeze_statistics = freeze_statistics
        self._frozen_norms: list[nn.Module] = []

    def before_run(self, runner: Runner) -> None:
        """Freezes, where the run trains.

        Raises:
            ValueError: If the model has nothing of a name.
        """
        if not isinstance(runner._train_loop, BaseLoop):
            return
        model = unwrapped(runner)
        for name in self.reinitialize:
            _check_name('TrainOnly.reinitialize', name, [name for name, _ in model.named_modules()])
        names = [name for name, _ in model.named_parameters()]
        for name in self.parameters:
            _check_name('TrainOnly.parameters', name, {part for full in names for part in _prefixes(full)})
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not set(self.parameters).isdisjoint(_prefixes(name)))
        if model is not runner.model:  # a wrapper waits for the gradients of what was trained when it was made
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)
        if self.freeze_statistics:
            norms = (module for module in model.modules() if isinstance(module, _NormBase))
            self._frozen_norms = [norm for norm in norms if not any(p.requires_grad for p in norm.parameters())]

    def before_train(self, runner: Runner) -> None:
        """Draws weights anew, in a training run that begins; the checkpoint of the stage before is loaded by now."""
        for name in self.reinitialize if runner.iter == 0 else ():
            for module in unwrapped(runner).get_submodule(name).modules():
                _draw_anew(module)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Keeps the statistics: mmengine puts all of the model into training mode."""
        for norm in self._frozen_norms:
            norm.eval()


def _prefixes(name: str) -> set[str]:
    """The name of a parameter and of the modules that it is in."""
    words = name.split('.')
    return {'.'.join(words[:length]) for length in range(1, len(words) + 1)}


def _check_name(where: str, name: str, known: Sequence[str] | set[str]) -> None:
    if name not in known:
        raise InvalidValueError(where, 'a name in the model', repr(name), near(name, sorted(known), 3))


@torch.no_grad()
def _draw_anew(module: nn.Module) -> None:
    weight, bias = getattr(module, 'weight', None), getattr(module, 'bias', None)
    if not isinstance(weight, nn.Parameter):
        return
    nn.init.normal_(weight, std=0.01) if weight.ndim > 1 else nn.init.ones_(weight)  # the latter: a normalisation
    broadcast(weight.data)  # processes may have drawn differently
    if isinstance(bias, nn.Parameter):
        nn.init.zeros_(bias)
