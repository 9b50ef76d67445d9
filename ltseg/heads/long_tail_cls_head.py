"""Any classification head of mmpretrain with what long-tail methods need."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.core.extension import Extension
from ltseg.core.features import FeatureBatch, chosen_views
from ltseg.counts.label_counts import explaining_label_errors
from ltseg.counts.sources import ClassCountsSource
from ltseg.heads.classifiers import bias_of, branches_of, vectors_of
from ltseg.heads.mixed_labels import labels_of_larger_share, numbers_of, targets_of
from ltseg.heads.observing_losses import build_observers, features_observed, observers_of
from ltseg.registry import MODELS
from ltseg.regularizers import RegularizerGroup

__all__ = ['LongTailClsHead']


@MODELS.register_module()
class LongTailClsHead(Extension):
    """Any linear head of MMPretrain, with its arguments and checkpoint keys, and the arguments below.

    ``LongTailClsHead(head_type='LinearClsHead', ...)`` is an instance of ``LinearClsHead`` and of this class.

    Features (N, V, D) are V views of each image, as :func:`ltseg.models.MultiViewClassifier` gives them.

    With mixed labels (mixup, CutMix, Remix) the losses get the mixed ones, counts of the batch are those of the unmixed
    ones, and regularizers get the class with the larger share of each label, or the image's own where both are equal;
    that last rule is ours.

    Args:
        head_type: The head's type as in MMPretrain's registry, or the class itself.
        loss: A loss, or several, which are then summed under the ``loss_name`` of each. One is called ``loss``.
        classifier: Config of a module built with ``in_channels``, ``num_classes`` and ``spatial_dims`` that takes the
            place of the head's last linear layer, e.g. ``dict(type='ltseg.CosineClassifier')``.
        regularizers: Terms on the features before the classifier, of all views, and on the class vectors.
        classified_views: The views that the losses see, as samples of their own.

    Raises:
        ValueError: If no such head exists, it has losses of its own or no single last linear layer, or losses,
            classifier and regularizers do not fit together.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from ltseg.heads import LongTailClsHead
        >>> head = LongTailClsHead(
        ...     head_type='LinearClsHead', in_channels=4, num_classes=2,
        ...     loss=dict(type='ltseg.BalancedSoftmaxLoss', counts=[90, 10]),
        ...     regularizers=[dict(type='ltseg.WithinClassRegularizer', centers='batch')])
        >>> _ = head.fc.bias.data.zero_()
        >>> losses = head.loss((torch.zeros(1, 4),), [DataSample().set_gt_label(1)])  # all logits are 0
        >>> sorted(losses)
        ['loss', 'loss_within_class']
        >>> round(losses['loss'].item(), 4)  # log(100 / 10)
        2.3026
    """

    loss_module: Any
    num_classes: int
    cal_acc: bool
    topk: Any

    @classmethod
    def base_class(cls, *args: Any, head_type: str | type = 'LinearClsHead', **kwargs: Any) -> type:
        """The class that ``head_type`` names."""
        from mmpretrain.models.heads import ClsHead
        from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS  # noqa: N811

        found = head_type if isinstance(head_type, type) else MMPRETRAIN_MODELS.get(head_type)
        if not (isinstance(found, type) and issubclass(found, ClsHead)):
            expected, hint = 'a classification head of mmpretrain', "Give its type, e.g. head_type='LinearClsHead'."
            raise InvalidValueError('LongTailClsHead.head_type', expected, repr(head_type), hint)
        return found

    def __init__(
        self,
        *args: Any,
        head_type: str | type = 'LinearClsHead',
        loss: dict | Sequence[dict] | None = None,
        classifier: dict | None = None,
        regularizers: Sequence[dict] = (),
        classified_views: Sequence[int] = (0,),
        **kwargs: Any,
    ) -> None:
        given = {} if loss is None else {'loss': loss if isinstance(loss, dict) else _loss_list(loss)}
        super().__init__(*args, **given, **kwargs)
        self._check_base()
        if not classified_views or any(not isinstance(view, int) or view < 0 for view in classified_views):
            raise InvalidValueError(f'{_name(self)}.classified_views', 'numbers of views', repr(classified_views))
        self.classified_views = list(classified_views)
        self._features: list[Tensor] | None = None  # what enters the classifier, while a loss is computed
        self._place = self._find_classifier(needed=classifier is not None or bool(regularizers))
        features = self.classifier.in_features if self._place else 0
        if classifier is not None:
            sizes = {'in_channels': features, 'num_classes': self.num_classes, 'spatial_dims': 0}
            owner, _, name = self._place.rpartition('.')
            setattr(self.get_submodule(owner), name, MODELS.build({**sizes, **classifier}))  # type: ignore[attr-defined]
        self.regularizers = (
            RegularizerGroup(regularizers, self.num_classes, features, self.classifier) if regularizers else None
        )
        self._check_losses()
        build_observers(self.losses, self.classifier)

    @property
    def losses(self) -> list[nn.Module]:
        """The losses as a list."""
        return list(self.loss_module) if isinstance(self.loss_module, nn.ModuleList) else [self.loss_module]

    @property
    def classifier(self) -> Any:
        """The head's last layer, or None where there is no single one."""
        return self.get_submodule(self._place) if self._place else None  # type: ignore[attr-defined]

    def _check_base(self) -> None:
        from mmpretrain.models.heads import ClsHead

        reference = self.extends
        if any(getattr(reference, name) is not getattr(ClsHead, name) for name in ('loss', '_get_loss')):
            expected = "a head with the losses of mmpretrain's ClsHead"
            raise InvalidValueError(_name(self), expected, 'losses of its own', 'Use the head itself.')

    def _find_classifier(self, needed: bool) -> str:
        number = getattr(self, 'num_classes', None)  # some heads of MMPretrain do not say
        modules = self.named_modules()  # type: ignore[attr-defined]
        found = [n for n, m in modules if isinstance(m, nn.Linear) and m.out_features == number]
        if len(found) != 1 and needed:
            hint = 'Leave classifier and regularizers out for this head.'
            expected = f'one linear layer with {number} outputs'
            raise InvalidValueError(_name(self), expected, ', '.join(found) or 'none', hint)
        return found[0] if len(found) == 1 else ''

    def _check_losses(self) -> None:
        needing = [type(loss).__name__ for loss in self.losses if getattr(loss, 'needs_feature_norm', False)]
        if needing and not hasattr(self.classifier, 'feature_norm'):
            hint = "Set classifier=dict(type='ltseg.ETFClassifier')."
            got = type(self.classifier).__name__
            raise InvalidValueError(_name(self), f'an ETF classifier under {needing[0]}', got, hint)
        names = {self._log_name(loss) for loss in self.losses}
        twice = sorted(names & {term.loss_name for term in getattr(self.regularizers, 'terms', ())})
        if twice:
            hint = 'Give each its own loss_name.'
            raise InvalidValueError(_name(self), 'different names in the log', ', '.join(twice), hint)

    def _log_name(self, loss: nn.Module) -> str:
        return 'loss' if len(self.losses) == 1 else str(getattr(loss, 'loss_name', f'loss_{type(loss).__name__}'))

    def pre_logits(self, feats: Any) -> Tensor:
        """MMPretrain's, noted down for the regularizers."""
        features = super().pre_logits(feats)  # type: ignore[misc]
        if self._features is not None:
            self._features.append(features)
        return features

    def loss(self, feats: Any, data_samples: list, **kwargs: Any) -> dict[str, Tensor]:
        """The losses of a batch by their names in the log.

        Args:
            feats: What the neck gives; the last entry has the shape (N, *), or (N, V, D) with V views.
            data_samples: N samples with labels.
            **kwargs: Further arguments of the losses.

        Raises:
            ValueError: If there are fewer views than ``classified_views`` names, or not one label for each image.
        """
        views, last = 1, feats[-1]
        if isinstance(last, Tensor) and last.ndim == 3:
            views, feats = last.shape[1], (last.flatten(0, 1),)
        if max(self.classified_views) >= views:
            hint = 'Let the data preprocessor give more views, or change classified_views.'
            raise InvalidValueError(_name(self), f'the views {self.classified_views}', f'{views} views', hint)
        self._features = []
        try:
            logits = self(feats)  # type: ignore[operator]
            with ExitStack() as stack:
                if observers_of(self.losses):
                    labels, _ = targets_of(data_samples)
                    if not labels.is_floating_point():
                        stack.enter_context(explaining_label_errors(labels, self.num_classes, -100))
                    stack.enter_context(features_observed(self.losses, self._feature_batch(data_samples)))
                losses = self._get_loss(self._classified(logits, data_samples), data_samples, **kwargs)
            return {**losses, **self._regularized(data_samples)}
        finally:
            self._features = None

    def _classified(self, rows: Tensor, data_samples: list) -> Tensor:
        """The rows of the classified views, (N * V, *) -> (N * V', *)."""
        return chosen_views(rows.unflatten(0, (len(data_samples), -1)), self.classified_views).flatten(0, 1)

    def _get_loss(self, cls_score: Tensor, data_samples: list, **kwargs: Any) -> dict[str, Tensor]:
        """Losses of logits (N * V', K), under MMPretrain's name."""
        views = len(cls_score) // len(data_samples)
        target, unmixed = targets_of(data_samples)
        target = target.repeat_interleave(views, 0)
        unmixed = None if unmixed is None else unmixed.repeat_interleave(views, 0)
        losses: dict[str, Any] = {}
        with ExitStack() as stack:
            if unmixed is not None:
                for module in self.loss_module.modules():
                    if isinstance(module, ClassCountsSource):
                        stack.enter_context(module.counting(unmixed))
            for loss in self.losses:
                more = dict(kwargs)
                if getattr(loss, 'needs_feature_norm', False):
                    more['feature_norm'] = self._classified(self.classifier.feature_norm, data_samples)
                name, value = self._log_name(loss), loss(cls_score, target, avg_factor=len(cls_score), **more)
                losses[name] = losses[name] + value if name in losses else value
        if self.cal_acc:
            from mmpretrain.evaluation.metrics import Accuracy

            labels = target if unmixed is None else labels_of_larger_share(target, unmixed)
            accuracy = Accuracy.calculate(cls_score, labels, topk=self.topk)
            losses |= {f'accuracy_top-{k}': value for k, value in zip(self.topk, accuracy, strict=True)}
        return losses

    def _regularized(self, data_samples: list) -> dict[str, Tensor]:
        if self.regularizers is None or not self._features:
            return {}
        return self.regularizers(self._feature_batch(data_samples))

    def _feature_batch(self, data_samples: list) -> FeatureBatch:
        """The features of all views that were noted."""
        target, unmixed = targets_of(data_samples)
        mixed = target.is_floating_point()
        labels = labels_of_larger_share(target, unmixed) if mixed else target
        numbers = None if mixed else numbers_of(data_samples)
        features = self._features[-1].unflatten(0, (len(data_samples), -1))  # type: ignore[index]
        vectors, branches = vectors_of(self.classifier), branches_of(self.classifier, len(labels))
        more = {'branch_logits': branches, 'bias': bias_of(self.classifier), 'numbers': numbers}
        return FeatureBatch(features, labels, self.num_classes, vectors, **more)


def _loss_list(losses: Sequence[dict]) -> nn.ModuleList:
    from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS  # noqa: N811

    return nn.ModuleList(MMPRETRAIN_MODELS.build(loss) for loss in losses)


def _name(head: LongTailClsHead) -> str:
    return f'LongTailClsHead(head_type={head.extends.__name__!r})'
