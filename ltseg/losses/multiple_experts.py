"""Learning from experts that were trained on some of the classes each."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ltseg.core.checks import check_choice, check_positive, check_range
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.core.distillation import PACES, accuracy_of_groups, expert_divergence, expert_weights, sample_weights
from ltseg.core.errors import InvalidValueError, WrongStateError
from ltseg.core.precision import widened
from ltseg.core.sample_losses import SampleLosses
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.running_recall import RunningRecall
from ltseg.losses.ruled_loss import RuledLoss
from ltseg.registry import MODELS
from ltseg.rules import Rule
from ltseg.schedules import Schedule

__all__ = ['LFMELoss']


@MODELS.register_module()
class LFMELoss(RuledLoss):
    """Learning from multiple experts: cross entropy of easy samples first, and distillation from each expert::

        loss_i = v_i l(z_i, y_i) + distillation sum_e w_e KL(softmax(z_e,i / T) || softmax(z_i[S_e] / T))

        w_e = clamp((1 - A(e) / A_e) / (1 - threshold), 0, 1)                   self-paced expert selection
        v_i = u_i + (1 - u_i) g(t),    u_i = p_i N_min / N_e,  y_i in S_e       curriculum instance selection

    averaged over samples. Expert e knows the classes S_e, and each class is known to one expert; every expert sees all
    samples. A(e) is the student's mean recall of the classes S_e in the last validation, A_e that of the expert, which
    chooses among S_e; before the first validation w = 1. p_i is the probability that the expert of the label's group
    gives the label, N_e the mean count of the classes S_e, N_min the smallest of these. g grows from 0 to 1 over
    training, with t its share of iterations that are done::

        linear  t        convex  1 - cos(pi t / 2)        concave  log2(1 + t)

    The experts are those of the hook ``ltseg.LearnFromExperts``. l is the cross entropy, under rules if there are any.
    Out of training the loss is l. In segmentation logits and those of the experts are upsampled before.

    Args:
        temperature: T, above 0. No factor of T^2 makes up for it, as in released code.
        threshold: In [0, 1): share of an expert's accuracy up to which all of it is learned.
        distillation: Weight of all experts, at least 0.
        pace: g; None leaves the curriculum out, v = 1.
        rules: Rules, or their configs, on the logits of l.
        **options: As for :class:`ltseg.losses.LogitsLoss`; the counts are those of the data set by default.

    Raises:
        ValueError: If labels are mixed, or the experts saw another batch.
        RuntimeError: If there are no experts.

    Source:
        Xiang et al., Learning From Multiple Experts: Self-paced Knowledge Distillation for Long-tailed Classification,
        ECCV 2020, sections 4.1 (experts), 4.2 (w) and 4.3 (v). T and the threshold are those of released code for
        ImageNet-LT. Deviations: p is that of the image as it is augmented for this iteration, and needs no pass over
        the data before. Released code differs from the paper in v: it multiplies the student's logits by it, for both
        terms, scales p within each class to [N_min / N_e, 1], and has t = 1 in the middle of training and 2 at the
        end. Pixels are our extension.

    Example:
        >>> import torch
        >>> from ltseg.losses import LFMELoss
        >>> loss, labels = LFMELoss(counts=[30, 10, 10], pace=None), torch.tensor([0])
        >>> right, missed = torch.tensor([[10, 9, 9], [0, 1, 1]])  # what the experts got right in validation
        >>> loss.meet([torch.tensor([0]), torch.tensor([1, 2])], right, missed)
        >>> loss.lessons = torch.zeros(1, 1), torch.tensor([[4.0, 0.0]])
        >>> logits = torch.tensor([[0.0, 4.0, 0.0]])
        >>> round(loss(logits, labels).item(), 4)  # as the second expert has it: cross entropy alone
        4.036
        >>> loss.lessons = torch.zeros(1, 1), torch.tensor([[0.0, 4.0]])
        >>> round(loss(logits, labels).item(), 4)  # beside 2 tanh(1), between (0.88, 0.12) and (0.12, 0.88)
        5.5592
    """

    short_name = 'LFME'
    of_single_samples = False  # the experts have seen the whole batch

    def __init__(
        self,
        temperature: float = 2.0,
        threshold: float = 0.3,
        distillation: float = 1.0,
        pace: Literal['linear', 'convex', 'concave'] | None = 'linear',
        rules: Sequence[Rule | dict] = (),
        **options: Any,
    ) -> None:
        super().__init__(rules, **{'counts': 'dataset', 'loss_name': 'loss_lfme', **options})
        check_positive('LFMELoss.temperature', temperature)
        check_range('LFMELoss.threshold', threshold, 0, 1 - 1e-9)
        check_range('LFMELoss.distillation', distillation, 0)
        check_choice('LFMELoss.pace', pace, (*PACES, None))
        self.temperature, self.threshold, self.distillation, self.pace = temperature, threshold, distillation, pace
        self.recall = RunningRecall(self.sync, self.momentum)
        self.lessons: Sequence[Tensor] | None = None  # logits of the experts for the batch at hand
        self._classes: list[Tensor] = []
        self._done = Schedule('linear', complement=True)

    def meet(self, classes: Sequence[Tensor], right: Tensor, missed: Tensor) -> None:
        """Gets to know the experts.

        Args:
            classes: Those of each expert, (K_e,) int64; each of the K classes once.
            right: Validation samples of each class that its expert gets right, (K,).
            missed: Those that it does not, (K,).
        """
        number = torch.arange(len(right), device=right.device)
        self._classes = list(classes)
        self._groups = torch.stack([torch.isin(number, each) for each in classes])  # (E, K)
        self._places = torch.cat(self._classes).argsort()  # of each class in the experts' logits one after the other
        self.accuracies = accuracy_of_groups(widened(right), widened(missed), self._groups)

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        if labels.is_floating_point():
            raise InvalidValueError('LFMELoss', 'class indices', 'soft labels', 'Train without mixed labels.')
        of_labels = AdjustedCrossEntropy(self.adjustment(logits, labels, ignore_index), ignore_index=ignore_index)
        if not self.training:
            return of_labels
        lessons = self._checked_lessons(logits)
        nothing = torch.zeros(logits.shape[1], dtype=torch.int64, device=logits.device)
        counts = self.count(logits, labels, ignore_index) if self.pace else ClassCounts(nothing)
        weights = self.distillation * self.expert_weights(counts).to(logits.dtype)
        valid = labels != ignore_index
        curriculum = self._curriculum(lessons, labels.where(valid, 0), counts)

        def sample_losses(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
            losses, class_weights = of_labels(logits, labels)
            losses = losses if curriculum is None else curriculum * losses
            for weight, classes, lesson in zip(weights, self._classes, lessons, strict=True):
                divergence = expert_divergence(logits, lesson, classes, self.temperature)
                losses = losses + weight * torch.where(valid, divergence, 0.0)
            return losses, class_weights

        return sample_losses

    def expert_weights(self, counts: ClassCounts) -> Tensor:
        """w of each expert, (E,), by what is known of the student."""
        known = self.recall(counts)  # type: ignore[misc]
        student = accuracy_of_groups(known.right, known.missed, self._groups)
        return expert_weights(student, self.accuracies, self.threshold)

    def _curriculum(self, lessons: Sequence[Tensor], labels: Tensor, counts: ClassCounts) -> Tensor | None:
        """v of each sample, (N, *), for labels in [0, K)."""
        if self.pace is None:
            return None
        probabilities = torch.cat([each.softmax(1) for each in lessons], 1)
        confidence = probabilities.gather(1, self._places[labels].unsqueeze(1)).squeeze(1)
        samples = widened(counts.samples)
        groups = self._groups.to(samples.dtype)
        means = (groups @ samples) / groups.sum(1)  # N_e
        share = (means.min() / means.where(means > 0, 1.0)) @ groups  # (K,)
        done = PACES[self.pace](self._done.current())
        return sample_weights(confidence, share.to(confidence.dtype)[labels], done)

    def _checked_lessons(self, logits: Tensor) -> list[Tensor]:
        if not self._classes or self.lessons is None:
            hint = "Add custom_hooks=[dict(type='ltseg.LearnFromExperts', experts=[...])]."
            raise WrongStateError('LFMELoss', 'experts to learn from', 'none', hint)
        found = [tuple(each.shape) for each in self.lessons]
        expected = [(len(logits), len(each), *logits.shape[2:]) for each in self._classes]
        if found != expected:
            hint = 'Train with one view of each image, and without branches that see a part of the batch.'
            raise InvalidValueError('LFMELoss', f'logits of the experts of the shapes {expected}', repr(found), hint)
        return [each.to(logits.dtype) for each in self.lessons]
