"""Writing post-hoc logit adjustment and tau-normalisation into a model's weights."""

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltseg.checkpoint_files.content import check_content
from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.core.posthoc import posthoc_logits
from ltseg.core.tau_norm import normalized_logits, normalized_weight, weight_norms
from ltseg.heads.predicted_logits import class_scores, classifier_of, linear_classifier_of

__all__ = ['check_foldable', 'fold_norm', 'fold_prior', 'save_folded']


def fold_prior(model: nn.Module, log_prior: Tensor, tau: float, batch: dict[str, Any]) -> str:
    """Subtracts ``tau * log pi`` from the bias of a model's classifier, in place.

    A constant per class commutes with the upsampling of logits and with the mean over sliding windows, so that the
    folded model predicts what the adjustment of its outputs would.

    Args:
        model: Segmentor of mmseg whose (last) decode head classifies through ``conv_seg``, or classifier of mmpretrain
            whose head has one last linear layer.
        log_prior: ``log pi``, (K,).
        tau: Strength.
        batch: One batch of a test data loader: on it the folded model is compared with the adjusted one.

    Returns:
        The bias's key in the model's state dict.

    Raises:
        ValueError: If the head has no such bias, or does more to the logits than its classifier; the model is then as
            it was.

    Source:
        The adjustment is Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021, eq. 9; folding it is ours.
    """
    key, bias = _bias(model)
    _fold(model, {'bias': bias - (tau * log_prior).to(bias)}, lambda z: posthoc_logits(z, log_prior, tau), batch)
    return key


def fold_norm(model: nn.Module, tau: float, batch: dict[str, Any]) -> list[str]:
    """Divides the class vectors of a model's classifier by ``|w_k|^tau`` and sets its bias to 0, in place.

    ``tau = 0`` changes nothing, see ``normalized_logits``.

    Args:
        model: As for ``fold_prior``; the classifier may lack a bias.
        tau: Strength.
        batch: One batch of a test data loader: on it the folded model is compared with the adjusted one.

    Returns:
        Keys of the weight and the bias in the model's state dict.

    Raises:
        ValueError: As ``fold_prior``.
    """
    key, classifier = linear_classifier_of(model)
    weight, bias = classifier.weight.detach().clone(), classifier.bias
    bias = None if bias is None else bias.detach().clone()
    changes = {'weight': normalized_weight(weight, tau)}
    if bias is not None:
        changes['bias'] = torch.zeros_like(bias) if tau else bias
    norms = weight_norms(weight)
    _fold(model, changes, lambda z: normalized_logits(z, norms, bias, tau), batch)
    return [f'{key}.{name}' for name in changes]


def _bias(model: nn.Module) -> tuple[str, Tensor]:
    key, classifier = classifier_of(model)
    bias = getattr(classifier, 'bias', None)
    if not isinstance(classifier, nn.Conv2d | nn.Linear) or bias is None:
        expected, got = f'a head whose {key.rpartition(".")[2]} has a bias', f'{type(classifier).__name__} without'
        hint = 'Adjust its outputs instead: there is nothing to fold the prior into.'
        raise InvalidValueError('fold_prior', expected, got, hint)
    return f'{key}.bias', bias.detach()


@torch.inference_mode()
def _logits(model: Any, batch: dict[str, Any]) -> Tensor:
    model.eval()
    if hasattr(model, 'decode_head'):
        return model.test_step(batch)[0].seg_logits.data.unsqueeze(0).clone()
    logits, exact, _ = class_scores(model, batch)
    if not exact:
        expected, hint = 'a head that predicts the softmax of its last layer', 'Adjust its outputs instead.'
        raise InvalidValueError(classifier_of(model)[0], expected, repr(type(model.head).__name__), hint)
    return logits.clone()


def _fold(
    model: nn.Module, changes: Mapping[str, Tensor], adjusted: Callable[[Tensor], Tensor], batch: dict[str, Any]
) -> None:
    """Puts ``changes`` into the classifier's parameters, and looks whether they adjust the logits as they should."""
    key, classifier = classifier_of(model)
    expected = adjusted(_logits(model, batch))
    original = {name: classifier.get_parameter(name).detach().clone() for name in changes}
    _put(classifier, changes)
    folded = _logits(model, batch)
    if not torch.allclose(folded, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max())):
        _put(classifier, original)
        hint = 'Adjust its outputs instead.'
        raise InvalidValueError(key, 'a head whose logits move with its last layer', 'other logits', hint)


@torch.no_grad()
def _put(classifier: nn.Module, values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        classifier.get_parameter(name).copy_(value)


def check_foldable(model: nn.Module, source: str | os.PathLike, target: str | os.PathLike, by: str = 'prior') -> None:
    """Checks what ``save_folded`` needs, before a long evaluation.

    Args:
        model: The model.
        source: The checkpoint that it was loaded from.
        target: The file to write.
        by: 'prior' or 'norm'.

    Raises:
        ValueError: If the classifier has no bias for the prior, both files are the same, the checkpoint lacks the
            classifier, or something was folded in before.
    """
    key = _bias(model)[0] if by == 'prior' else f'{linear_classifier_of(model)[0]}.weight'
    if Path(target).resolve() == Path(source).resolve():
        raise InvalidValueError('fold into', 'another file than the checkpoint', repr(str(target)))
    _find(_read(source)[0], key, source)


def _read(source: str | os.PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict and meta data."""
    checkpoint = check_content(load_checkpoint_file(source), source)
    state, meta = dict(checkpoint.get('state_dict', checkpoint)), dict(checkpoint.get('meta', {}))
    if 'posthoc' in meta:
        hint = 'Start from the checkpoint that training wrote.'
        got = f'tau = {meta["posthoc"].get("tau")} folded in'
        raise InvalidValueError(str(source), 'a checkpoint without a folded prior', got, hint)
    return state, meta


def _find(state: Mapping[str, Tensor], key: str, source: str | os.PathLike) -> str:
    """The key as the state dict has it."""
    found = next((name for name in (key, f'module.{key}') if name in state), None)
    if found is None:
        raise InvalidValueError(str(source), f'the key {key!r}', 'none of that name')
    return found


def save_folded(
    source: str | os.PathLike, target: str | os.PathLike, weights: Mapping[str, Tensor], note: dict[str, Any]
) -> None:
    """Copies a checkpoint with some weights changed. It is for testing: states of the optimizer are left out.

    Args:
        source: The checkpoint that the model was loaded from.
        target: The file to write.
        weights: The changed ones by their key in the model's state dict, of ``fold_prior`` or ``fold_norm``.
        note: What was done; kept as ``meta['posthoc']``.

    Raises:
        ValueError: As ``check_foldable``.
    """
    state, meta = _read(source)
    for key, value in weights.items():
        found = _find(state, key, source)
        state[found] = value.detach().cpu().to(state[found].dtype)
    content = io.BytesIO()  # torch writing to a full disk says 'unexpected pos', not what is wrong
    torch.save({'meta': meta | {'posthoc': note}, 'state_dict': state}, content)
    with atomic_write(target) as draft:
        draft.write_bytes(content.getbuffer())
