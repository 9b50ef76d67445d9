"""What is known of the batches so far: saved with a model, and shared with its copies."""

import copy
import warnings
from typing import Any

import torch
from torch import Tensor

from ltseg.core.graph_capture import RUN_BEFORE, refuse_capture
from ltseg.core.precision import widest_dtype

__all__ = ['RunningState']


class RunningState:
    """The state of a module that follows training; a base class in front of ``torch.nn.Module``.

    It advances only while the module trains and gradients are enabled, because a pixel sampler calls a loss a second
    time without them.

    The state is a statistic of the data and not of the weights: copies made by ``copy.deepcopy``, such as the averaged
    model of mmengine's EMAHook, share it. It is saved with the module's state dict.

    Example:
        >>> import torch
        >>> from ltseg.counts.running_state import RunningState
        >>> class Total(RunningState, torch.nn.Module):
        ...     what = 'a total'
        ...     def __init__(self):
        ...         super().__init__()
        ...         self._state = self.empty(rows=1)
        ...     def forward(self, values):
        ...         total = self.held(values.shape[1], values.device)
        ...         if self.advances:
        ...             self.keep(values.double() if total is None else total + values)
        >>> total = Total()
        >>> for _ in range(3):
        ...     total(torch.tensor([[1, 2]]))
        >>> total.state_dict()['_extra_state'].tolist()
        [[3.0, 6.0]]
    """

    #: What the state is, for messages.
    what: str
    training: bool
    _state: Tensor  # (R, K), K = 0 before the first batch

    @staticmethod
    def empty(rows: int) -> Tensor:
        """The state before the first batch, (R, 0)."""
        return torch.zeros(rows, 0, dtype=torch.float64)

    @staticmethod
    def place(device: torch.device) -> torch.device:
        """Where the state of batches on ``device`` is: on the CPU where the device has no float64, to go on growing."""
        return device if widest_dtype(device) == torch.float64 else torch.device('cpu')

    def held(self, num_classes: int, device: torch.device) -> Tensor | None:
        """The state (R, K) in its place for batches on ``device``; None where there is none of ``num_classes`` yet."""
        saved = self._state.shape[1]
        if saved not in (0, num_classes):
            warnings.warn(
                f'{self.what}: what was saved is of {saved} classes, the logits have {num_classes}: '
                'counting starts anew.',
                stacklevel=2,
            )
        return self._state.to(self.place(device)) if saved == num_classes else None

    @property
    def advances(self) -> bool:
        """Whether this batch is to change the state."""
        return self.training and torch.is_grad_enabled()

    def keep(self, state: Tensor) -> None:
        """Changes the very tensor, which state dicts and copies hold, and its memory, which a CUDA graph writes to."""
        if self._state.shape == state.shape and self._state.device == state.device:
            self._state.copy_(state)
            return
        refuse_capture(self.what, 'before the first batch was counted', RUN_BEFORE)
        self._state.data = state.clone()

    def get_extra_state(self) -> Tensor:
        # A tensor, because mmengine moves every value of a state dict to the CPU before it saves.
        return self._state

    def set_extra_state(self, state: Tensor) -> None:
        self.keep(state.detach().to(self._state))

    def __deepcopy__(self, memo: dict[int, Any]) -> 'RunningState':
        memo[id(self._state)] = self._state
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied
