"""Writing post-hoc logit adjustment into a model's weights."""

import os
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from ltseg.core.checks import fault
from ltseg.core.posthoc import adjusted_logits

__all__ = ['check_foldable', 'fold_prior', 'save_folded']


def fold_prior(model: nn.Module, log_prior: Tensor, tau: float, batch: dict[str, Any]) -> str:
    """Subtracts ``tau * log pi`` from the bias of a segmentor's classifier, in place.

    A constant per class commutes with the upsampling of logits and with the mean over sliding windows, so that the
    folded model predicts what the adjustment of its outputs would.

    Args:
        model: Segmentor of mmseg whose (last) decode head classifies through ``conv_seg``.
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
    key, classifier = _classifier(model)
    expected = adjusted_logits(_first_logits(model, batch), log_prior, tau)
    bias = classifier.get_parameter('bias')
    original = bias.detach().clone()
    with torch.no_grad():
        bias.sub_((tau * log_prior).to(original))
    folded = _first_logits(model, batch)
    if not torch.allclose(folded, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max())):
        with torch.no_grad():
            bias.copy_(original)
        cure = 'Adjust its outputs instead.'
        raise ValueError(fault(key, 'a head whose logits move with this bias', 'other logits', cure))
    return key


def _classifier(model: nn.Module) -> tuple[str, nn.Conv2d]:
    key, head = 'decode_head', getattr(model, 'decode_head', None)
    if isinstance(head, nn.ModuleList):
        key, head = f'decode_head.{len(head) - 1}', head[-1]
    classifier = getattr(head, 'conv_seg', None)
    if not isinstance(classifier, nn.Conv2d) or classifier.bias is None:
        got = f'{type(head).__name__} with {type(classifier).__name__}'
        cure = 'Adjust its outputs instead: there is nothing to fold the prior into.'
        raise ValueError(fault('fold_prior', 'a decode head whose conv_seg has a bias', got, cure))
    return f'{key}.conv_seg.bias', classifier


@torch.inference_mode()
def _first_logits(model: Any, batch: dict[str, Any]) -> Tensor:
    model.eval()
    return model.test_step(batch)[0].seg_logits.data.unsqueeze(0).clone()


def check_foldable(model: nn.Module, source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Checks what ``save_folded`` needs, before a long evaluation.

    Raises:
        ValueError: If the classifier has no bias, both files are the same, the checkpoint lacks the bias, or a prior
            was folded in before.
    """
    key, _ = _classifier(model)
    if Path(target).resolve() == Path(source).resolve():
        raise ValueError(fault('fold into', 'another file than the checkpoint', str(target)))
    _read(source, key)


def _read(source: str | os.PathLike, key: str) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """State dict, meta data, and the bias's key in the state dict."""
    checkpoint = CheckpointLoader.load_checkpoint(str(source), map_location='cpu', logger='silent')
    state, meta = dict(checkpoint.get('state_dict', checkpoint)), dict(checkpoint.get('meta', {}))
    if 'posthoc' in meta:
        cure = 'Start from the checkpoint that training wrote.'
        got = f'tau = {meta["posthoc"].get("tau")} folded in'
        raise ValueError(fault(str(source), 'a checkpoint without a folded prior', got, cure))
    found = next((name for name in (key, f'module.{key}') if name in state), None)
    if found is None:
        raise ValueError(fault(str(source), f'the key {key!r}', 'none of that name'))
    return state, meta, found


def save_folded(source: str | os.PathLike, target: str | os.PathLike, key: str, bias: Tensor, note: dict) -> None:
    """Copies a checkpoint with another bias. It is for testing: states of the optimizer are left out.

    Args:
        source: The checkpoint that the model was loaded from.
        target: The file to write.
        key: The bias's key in the model's state dict, of ``fold_prior``.
        bias: The folded bias, (K,).
        note: What was done; kept as ``meta['posthoc']``.

    Raises:
        ValueError: As ``check_foldable``.
    """
    state, meta, key = _read(source, key)
    state[key] = bias.detach().cpu().to(state[key].dtype)
    _write({'meta': meta | {'posthoc': note}, 'state_dict': state}, Path(target))


def _write(checkpoint: dict, target: Path) -> None:
    """Writes beside the target and renames, so that nobody reads half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f'{target.name}.{os.getpid()}.part')
    try:
        torch.save(checkpoint, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
