"""A bound on the lengths of class vectors, kept by projection."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened
from ltseg.hooks.wrapped_model import unwrapped
from ltseg.registry import HOOKS

__all__ = ['MaxNorm', 'norm_bound', 'project_rows']

INFO = 'ltseg_max_norm'


def norm_bound(weight: Tensor, ratio: float) -> float:
    """``r = min |w_k| + ratio * (max |w_k| - min |w_k|)`` of the rows w_k of a weight (K, *)."""
    norms = widened(weight.detach().flatten(1)).norm(dim=1)
    return torch.lerp(norms.min(), norms.max(), ratio).item()


@torch.no_grad()
def project_rows(weight: Tensor, bound: float) -> None:
    """``w_k <- w_k * min(1, bound / |w_k|)`` for the rows of a weight (K, *), in place."""
    norms = weight.flatten(1).norm(dim=1)
    factors = torch.where(norms > bound, bound / norms, 1.0)
    weight.mul_(factors.view(-1, *[1] * (weight.ndim - 1)).to(weight.dtype))


@HOOKS.register_module()
class MaxNorm(Hook):
    """Projects the class vectors into a ball after each step, whatever the optimizer is.

    The radius is taken from the classifier as training starts with it (:func:`norm_bound`); it is saved in checkpoints
    and is the same after a resume. Biases are not bounded.

    Args:
        classifier: Name of the layer in the model.
        ratio: Where the radius lies between the shortest (0) and the longest (1) class vector.

    Source:
        Alshammari et al., Long-Tailed Recognition via Weight Balancing, CVPR 2022, section 4; the radius is its
        released code's.

    Example:
        >>> import torch
        >>> from ltseg.hooks.max_norm import norm_bound, project_rows
        >>> weight = torch.tensor([[3.0, 4.0], [0.0, 1.0]])  # class vectors of length 5 and 1
        >>> bound = norm_bound(weight, ratio=0.25)  # before training: 1 + 0.25 (5 - 1)
        >>> project_rows(weight, bound)  # after each step
        >>> bound, [[round(value, 4) for value in row] for row in weight.tolist()]
        (2.0, [[1.2, 1.6], [0.0, 1.0]])
    """

    short_name = 'max-norm'

    priority = 'ABOVE_NORMAL'  # EMAHook (NORMAL) averages what is projected

    def __init__(self, classifier: str = 'head.fc', ratio: float = 0.1) -> None:
        check_range('MaxNorm.ratio', ratio, 0, 1)
        self.classifier, self.ratio = classifier, ratio
        self.bound = float('inf')

    def before_train(self, runner: Runner) -> None:
        """Takes the radius, from the checkpoint where training is resumed.

        Raises:
            ValueError: If the model has no such layer, or its class vectors have no length yet.
        """
        weight = self._weight(runner)
        known = runner.message_hub.runtime_info.get(INFO) if runner.iter else None
        self.bound = norm_bound(weight, self.ratio) if known is None else float(known)
        if not 0 < self.bound < float('inf'):
            hint = 'Load a checkpoint with a trained classifier.'
            raise InvalidValueError('MaxNorm', f'class vectors in {self.classifier!r}', f'norms of {self.bound}', hint)
        runner.message_hub.update_info(INFO, self.bound)
        runner.logger.info(f'MaxNorm: class vectors of {self.classifier} are kept within {self.bound:.4g}.')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: object = None
    ) -> None:
        """Projects."""
        project_rows(self._weight(runner), self.bound)

    def _weight(self, runner: Runner) -> Tensor:
        try:
            weight = getattr(unwrapped(runner).get_submodule(self.classifier), 'weight', None)
        except AttributeError:  # no such module
            weight = None
        if not isinstance(weight, torch.nn.Parameter) or weight.ndim < 2:
            raise InvalidValueError('MaxNorm.classifier', 'a layer with class vectors (K, D)', repr(self.classifier))
        return weight
