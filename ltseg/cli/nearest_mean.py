"""Nearest class mean in place of a trained classifier, for one evaluation."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import get_comm_device, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ltseg.core.nearest_mean import NearestMean
from ltseg.heads.predicted_logits import classifier_of, recorded_calls
from ltseg.hooks.wrapped_model import unwrapped

__all__ = ['ClassifyByNearestMean']


class ClassifyByNearestMean(Hook):
    """Lets an image classifier predict the nearest class mean of the training features while it is tested.

    Args:
        dataloader: Config of a data loader of the training images without augmentation.
        form: 'un', 'l2n' or 'cl2n', see :class:`ltseg.core.nearest_mean.NearestMean`.

    Source:
        Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020, section 4.
    """

    priority = 'LOW'  # behind EMAHook, whose weights give the features

    def __init__(self, dataloader: Mapping[str, Any], form: str) -> None:
        self.dataloader, self.form = dataloader, form
        self._handle: RemovableHandle | None = None

    def before_test_epoch(self, runner: Runner) -> None:
        """Computes the class means, and replaces what leaves the classifier by the scores of the nearest mean."""
        model = unwrapped(runner)
        classifier = classifier_of(model)[1]
        features, labels = _features(model, classifier, runner.build_dataloader(self.dataloader, seed=runner.seed))
        mean = NearestMean(features, labels, model.head.num_classes, self.form, sync=True).to(get_device())

        def scores(_: nn.Module, arguments: tuple, result: Tensor) -> Tensor:
            exact = mean(arguments[0])
            return (exact - exact.amax(1, keepdim=True)).to(
                result
            )  # the same softmax, in numbers that float32 can hold

        self._handle = classifier.register_forward_hook(scores)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gives the classifier back."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


def _features(model: Any, classifier: nn.Module, loader: Any) -> tuple[Tensor, Tensor]:
    """What enters the classifier, (N, D), and the labels (N,), of this process's share of the images."""
    features, labels, console = [], [], Console(stderr=True)
    model.eval()
    for batch in track(loader, 'Class means', console=console, disable=not console.is_terminal):
        with torch.no_grad(), recorded_calls(classifier) as passed:
            results = model.test_step(batch)
        features += [entered.float().cpu() for entered in passed.inputs]
        labels += [result.gt_label.cpu() for result in results]
    # The sampler repeats images to give each process as many; the repeats come last.
    mine = max(math.ceil((len(loader.dataset) - get_rank()) / get_world_size()), 0)
    device = get_comm_device()
    return torch.cat(features)[:mine].to(device), torch.cat(labels)[:mine].to(device)
