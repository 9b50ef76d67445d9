"""The model of a runner."""

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

__all__ = ['unwrapped']


def unwrapped(runner: Runner) -> Any:
    """The model inside the wrapper of a parallel training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
