"""Trained models of some of the classes each, which others learn from."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.checkpoint_files.content import check_content
from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.config_parts import parts_of
from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.core.right_samples import count_right
from ltseg.heads.mixed_labels import targets_of
from ltseg.registry import MODELS
from ltseg.trained.weights import load_weights

__all__ = ['Expert', 'check_expert_file', 'check_partition', 'load_expert']


@dataclass(frozen=True, eq=False)
class Expert:
    """A frozen segmentor of MMSegmentation or classifier of MMPretrain that knows some of K classes.

    Args:
        name: What messages call it, its checkpoint.
        model: In evaluation mode, of K_e classes.
        classes: Which of the K classes these are, (K_e,) int64, on the device of the model.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from ltseg.trained.experts import Expert
        >>> def model(inputs, mode):  # it takes what is positive for its first class
        ...     return torch.cat([inputs, -inputs], 1)
        >>> expert = Expert('sign', model, classes=torch.tensor([2, 0]))
        >>> samples = [DataSample().set_gt_label(label) for label in (2, 0, 0, 1)]
        >>> expert.outcomes(torch.tensor([[1.0], [-1.0], [1.0], [1.0]]), samples, num_classes=3).tolist()
        [[1, 0, 1], [1, 0, 0]]
    """

    name: str
    model: Any
    classes: Tensor

    @torch.no_grad()
    def logits(self, inputs: Tensor) -> Tensor:
        """Logits of images (N, C, H, W): (N, K_e), or (N, K_e, H, W) of a segmentor.

        Raises:
            ValueError: If the model has no logits of this kind.
        """
        found = self.model(inputs, mode='tensor')
        if not isinstance(found, Tensor) or found.ndim not in (2, 4):
            got = repr(tuple(found.shape)) if isinstance(found, Tensor) else f'a {type(found).__name__}'
            raise InvalidValueError(f'expert {self.name}', 'logits (N, K) or (N, K, h, w)', got)
        if found.ndim == 2:
            return found
        aligned = getattr(getattr(self.model, 'decode_head', None), 'align_corners', False)
        return F.interpolate(found, inputs.shape[2:], mode='bilinear', align_corners=aligned)

    @torch.no_grad()
    def outcomes(self, inputs: Tensor, data_samples: Sequence[Any], num_classes: int) -> Tensor:
        """Right and missed samples of each of K classes, (2, K) int64; none of classes that it does not know."""
        if hasattr(self.model, 'decode_head'):
            segmented = self.model(inputs, data_samples, mode='predict')
            pairs = [(each.gt_sem_seg.data, each.pred_sem_seg.data) for each in segmented]
        else:
            target, unmixed = targets_of(data_samples)  # type: ignore[arg-type]
            pairs = [(target if unmixed is None else unmixed, self.logits(inputs).argmax(1))]
        return torch.stack([self._counted(*pair, num_classes) for pair in pairs]).sum(0)

    def _counted(self, labels: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
        labels = labels.to(self.classes)
        own = labels.where(torch.isin(labels, self.classes), -1)
        return count_right(self.classes[predicted] == labels, own, -1, num_classes)


def check_expert_file(where: str, checkpoint: str) -> None:
    """Raises MissingFileError, which is a FileNotFoundError, unless there is such a file; addresses may be right."""
    if '://' not in checkpoint and not Path(checkpoint).expanduser().is_file():
        hint = 'Train the expert first, as the header of its config says, or name its checkpoint.'
        raise MissingFileError(where, 'the checkpoint of an expert', repr(checkpoint), hint)


def load_expert(
    checkpoint: str,
    model: Mapping[str, Any],
    class_names: Sequence[str],
    classes: Sequence[str] | None = None,
    device: torch.device | str = 'cpu',
) -> Expert:
    """An expert from the checkpoint of its training run; nothing in the file is run.

    Args:
        checkpoint: The file.
        model: Config of the model; wherever it has ``num_classes``, those of the expert are put in.
        class_names: Names of the K classes.
        classes: Names of the expert's classes, in the order of its logits; None takes them from the checkpoint.
        device: Where the expert computes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the checkpoint is damaged, of other classes or of another model.
    """
    check_expert_file('LearnFromExperts.experts', checkpoint)
    names = _classes_of(checkpoint) if classes is None else list(classes)
    wrong = [name for name in names if name not in class_names or names.count(name) > 1]
    if wrong or not names:
        got = repr(wrong[0]) if wrong else 'none'
        hint = 'Give an expert that was trained on some of these classes.'
        expected = f'each of its classes once among {", ".join(class_names[:20])}'
        raise InvalidValueError(f'expert {checkpoint}', expected, got, hint)
    config = deepcopy(dict(model))
    for _, part in parts_of(config, 'model'):
        if 'num_classes' in part:
            part['num_classes'] = len(names)
    built: Any = load_weights(MODELS.build(config), checkpoint).eval().requires_grad_(False).to(device)
    places = [list(class_names).index(name) for name in names]
    return Expert(checkpoint, built, torch.tensor(places, device=device))


def _classes_of(checkpoint: str) -> list[str]:
    """Names of the classes that a model was trained on, as mmengine writes them down."""
    content = check_content(load_checkpoint_file(checkpoint), checkpoint)
    known = (content.get('meta') or {}).get('dataset_meta')
    names = known.get('classes') if isinstance(known, dict) else None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        hint = "Name them: experts=[dict(checkpoint='...', classes=['...', '...'])]."
        raise InvalidValueError(f'expert {checkpoint}', 'a checkpoint with the names of its classes', 'none', hint)
    return list(names)


def check_partition(experts: Sequence[Expert], class_names: Sequence[str]) -> None:
    """Raises ValueError unless each of the K classes is known to one expert."""
    for index, name in enumerate(class_names):
        owners = [expert.name for expert in experts if index in expert.classes.tolist()]
        if len(owners) != 1:
            got = f'{name!r} in {" and ".join(owners) or "none of them"}'
            hint = 'Train the experts on groups that hold each class once, and name one expert for each group.'
            raise InvalidValueError('LearnFromExperts.experts', 'each class in one expert', got, hint)
