"""What a student takes from experts that know some of the classes each: how much of each expert, and of each sample."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ['PACES', 'accuracy_of_groups', 'expert_divergence', 'expert_weights', 'sample_weights']

#: How a curriculum gets from 0 to 1 over training.
PACES: dict[str, Callable[[float], float]] = {
    'linear': lambda done: done,
    'convex': lambda done: 1 - math.cos(done * math.pi / 2),
    'concave': lambda done: math.log2(1 + done),
}


def expert_divergence(logits: Tensor, expert_logits: Tensor, classes: Tensor, temperature: float) -> Tensor:
    """``KL(softmax(e / T) || softmax(z_S / T))`` of each sample, over the classes S of an expert.

    Args:
        logits: z of the student, (N, K, *).
        expert_logits: e, (N, K_S, *).
        classes: S, (K_S,) int64.
        temperature: T.

    Returns:
        (N, *).
    """
    student = (logits.index_select(1, classes) / temperature).log_softmax(1)
    target = (expert_logits / temperature).log_softmax(1)
    return F.kl_div(student, target, reduction='none', log_target=True).sum(1)


def accuracy_of_groups(right: Tensor, missed: Tensor, groups: Tensor) -> Tensor:
    """The mean recall of the classes in each of E groups, (E,), over those with samples; 0 where there are none.

    Args:
        right: Samples of each class that are right, (K,).
        missed: Those that are not, (K,).
        groups: Which classes are in which group, (E, K) bool.
    """
    seen = right + missed
    counted = groups & (seen > 0)
    recall = torch.where(counted, right / seen.clamp(min=1), 0.0)
    return recall.sum(1) / counted.sum(1).clamp(min=1)


def expert_weights(student: Tensor, experts: Tensor, threshold: float) -> Tensor:
    """``clamp((1 - student / expert) / (1 - threshold), 0, 1)`` of accuracies (E,); 0 of an expert that knows nothing.

    It is 1 up to ``student = threshold * expert``, and from there falls to 0 where the student is as good.
    """
    gap = (experts - student).clamp(min=0) / experts.where(experts > 0, 1.0)
    return (gap / (1 - threshold)).clamp(max=1)


def sample_weights(confidence: Tensor, share: Tensor, done: float) -> Tensor:
    """``start + (1 - start) done`` with ``start = confidence * share``: easy samples first, and at last all alike.

    Args:
        confidence: Of an expert in the label of a sample, (N, *), in [0, 1].
        share: Of each sample's group, (N, *), in [0, 1].
        done: How far the curriculum has come, in [0, 1].
    """
    start = confidence * share
    return start + (1 - start) * done
