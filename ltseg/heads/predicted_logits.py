"""The classifier of a trained model, what enters and leaves it, and the logits that predictions are made from."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError

__all__ = ['RecordedCalls', 'class_scores', 'classifier_of', 'linear_classifier_of', 'recorded_calls', 'probabilities']


def classifier_of(model: nn.Module) -> tuple[str, nn.Module]:
    """Key and module of a model's last layer: ``conv_seg`` of the (last) decode head, or a classification head's.

    Raises:
        ValueError: If there is no such layer, or more than one.
    """
    head = getattr(model, 'decode_head', None)
    if isinstance(head, nn.ModuleList):
        head = head[-1]
    if head is not None:
        found = [getattr(head, 'conv_seg', None)]
    else:
        head = getattr(model, 'head', None)
        found = [getattr(head, 'classifier', None)]
    if found == [None]:
        size = getattr(head, 'num_classes', None)
        modules = head.modules() if isinstance(head, nn.Module) else ()
        found = [module for module in modules if isinstance(module, nn.Linear) and module.out_features == size]
    if len(found) != 1 or not isinstance(found[0], nn.Module):
        hint = 'Adjust its outputs instead.'
        raise InvalidValueError('classifier', 'a head with one last layer', repr(type(head).__name__), hint)
    return next(name for name, module in model.named_modules() if module is found[0]), found[0]


def linear_classifier_of(model: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """As ``classifier_of``.

    Raises:
        ValueError: If the last layer is not linear, as one of cosines.
    """
    key, classifier = classifier_of(model)
    if not isinstance(classifier, nn.Linear | nn.Conv2d):
        raise InvalidValueError(key, 'a linear layer', repr(type(classifier).__name__), 'There is nothing to adjust.')
    return key, classifier


@dataclass
class RecordedCalls:
    """What has entered a module (first arguments) and left it, in the order of its calls.

    Example:
        >>> import torch
        >>> from ltseg.heads.predicted_logits import recorded_calls
        >>> layer = torch.nn.Linear(2, 3)
        >>> with recorded_calls(layer) as calls:
        ...     _ = layer(torch.ones(5, 2))
        >>> [tuple(value.shape) for value in calls.inputs + calls.outputs]
        [(5, 2), (5, 3)]
    """

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)


@contextmanager
def recorded_calls(module: nn.Module) -> Iterator[RecordedCalls]:
    """Notes what enters and leaves ``module`` while the context is open."""
    passed = RecordedCalls()

    def note(_: nn.Module, arguments: tuple, result: Tensor) -> None:
        passed.inputs.append(arguments[0])
        passed.outputs.append(result)

    handle = module.register_forward_hook(note)
    try:
        yield passed
    finally:
        handle.remove()


def probabilities(results: Sequence[Any]) -> Tensor:
    """The scores of a classifier's results, (N, K).

    Raises:
        ValueError: If they have none.
    """
    if 'pred_score' not in results[0]:
        raise InvalidValueError('predictions', 'a score for each class', 'none')
    return torch.stack([result.pred_score for result in results])


def class_scores(model: Any, batch: dict[str, Any]) -> tuple[Tensor, bool, Sequence[Any]]:
    """The scores (N, K) of an image classifier, of which mmpretrain hands out the softmax only.

    Returns:
        The logits as they leave the last layer, where the predictions are their softmax; elsewhere the logarithms of
        the predictions, which are logits but for a constant in each image, and -inf where float32 has no such number.
        Whether they are the former. The results of the model.
    """
    try:
        classifier: nn.Module = classifier_of(model)[1]
    except ValueError:  # several last layers
        classifier = nn.Identity()
    with recorded_calls(classifier) as passed:
        results = model.test_step(batch)
    predicted = probabilities(results)
    logits = torch.cat(passed.outputs) if passed.outputs else predicted.new_zeros(0)
    exact = logits.shape == predicted.shape and _is_softmax(predicted, logits)
    return logits if exact else predicted.log(), exact, results


def _is_softmax(predicted: Tensor, logits: Tensor) -> bool:
    """Whether ``predicted`` is the softmax of ``logits``, by the logarithms of all that is not rounded to 0."""
    there = predicted > torch.finfo(predicted.dtype).tiny
    theirs, ours = predicted.float().log()[there], logits.float().log_softmax(1)[there]
    return torch.allclose(theirs, ours, rtol=1e-2, atol=1e-2)
