from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import ConfigDict
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from ltseg.core.posthoc import log_prior_of, posthoc_logits
from ltseg.heads.folding import check_foldable, fold_prior, save_folded

WHOLE = {'mode': 'whole'}
SLIDE = {'mode': 'slide', 'crop_size': (16, 16), 'stride': (10, 10)}
PRIOR = log_prior_of(torch.tensor([1000, 100, 10, 1]))


def segmentor(test_cfg: dict[str, Any] = WHOLE, **head: Any) -> nn.Module:
    torch.manual_seed(0)
    model = {
        'type': 'EncoderDecoder',
        'data_preprocessor': {'type': 'SegDataPreProcessor'},
        'backbone': {
            'type': 'UNet',
            'base_channels': 4,
            'num_stages': 2,
            'strides': (1, 1),
            'enc_num_convs': (1, 1),
            'dec_num_convs': (1,),
            'downsamples': (True,),
            'enc_dilations': (1, 1),
            'dec_dilations': (1,),
        },
        'decode_head': {
            'type': 'FCNHead',
            'in_channels': 8,
            'in_index': 0,
            'channels': 4,
            'num_convs': 1,
            'num_classes': 4,
            'concat_input': False,
            'align_corners': False,
            'loss_decode': {'type': 'ltseg.CrossEntropyLoss'},
            **head,
        },
        'test_cfg': test_cfg,
    }
    return MODELS.build(ConfigDict(model)).eval()


def batch() -> dict[str, Any]:
    sample = SegDataSample(metainfo={'img_shape': (24, 32), 'ori_shape': (35, 47), 'pad_shape': (24, 32)})
    image = torch.randint(0, 255, (3, 24, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return {'inputs': [image], 'data_samples': [sample]}


@torch.no_grad()
def logits_of(model: nn.Module) -> torch.Tensor:
    return model.test_step(batch())[0].seg_logits.data[None]


def adjusts_its_outputs(model: nn.Module) -> None:
    moved = posthoc_logits(logits_of(model), PRIOR, 1.0) - logits_of(model)
    assert torch.allclose(moved, -PRIOR.float().view(-1, 1, 1).expand_as(moved), atol=1e-4)


@pytest.mark.usefixtures('mmseg_registered')
@pytest.mark.parametrize('test_cfg', [WHOLE, SLIDE], ids=['whole', 'slide'])
@pytest.mark.parametrize('tau', [-0.5, 1.0])
def test_folded_model_predicts_what_the_adjusted_one_does(test_cfg: dict[str, Any], tau: float) -> None:
    """At the size of the original image, which is another one than the network's."""
    model = segmentor(test_cfg)
    before = logits_of(model)
    expected = posthoc_logits(before, PRIOR, tau)
    key = fold_prior(model, PRIOR, tau, batch())
    folded = logits_of(model)
    assert key == 'decode_head.conv_seg.bias'
    assert torch.allclose(folded, expected, atol=1e-4)
    two_best = expected.topk(2, dim=1).values
    clear = (two_best[:, 0] - two_best[:, 1]) > 1e-4
    assert clear.double().mean() > 0.99
    assert torch.equal(folded.argmax(1)[clear], expected.argmax(1)[clear])
    assert not torch.equal(folded.argmax(1), before.argmax(1))


@pytest.mark.usefixtures('mmseg_registered')
def test_heads_without_a_bias_are_refused() -> None:
    cosine = {'type': 'ltseg.CosineClassifier'}
    model = segmentor(type='ltseg.LongTailSegHead', head_type='FCNHead', classifier=cosine)
    with pytest.raises(ValueError, match='conv_seg has a bias.*CosineClassifier'):
        fold_prior(model, PRIOR, 1.0, batch())
    hinted(
        'Adjust its outputs instead: there is nothing to fold the prior into.',
        lambda: fold_prior(model, PRIOR, 1.0, batch()),
    )
    adjusts_its_outputs(model)


@pytest.mark.usefixtures('mmseg_registered')
def test_a_head_that_changes_its_logits_afterwards_is_refused_and_restored() -> None:
    model = segmentor()
    forward = model.decode_head.forward
    model.decode_head.forward = lambda inputs: 2 * forward(inputs)
    bias = model.decode_head.conv_seg.bias.clone()
    with pytest.raises(ValueError, match='other logits'):
        fold_prior(model, PRIOR, 1.0, batch())
    assert torch.equal(model.decode_head.conv_seg.bias, bias)
    hinted('Adjust its outputs instead.', lambda: fold_prior(model, PRIOR, 1.0, batch()))
    adjusts_its_outputs(model)


@pytest.mark.usefixtures('mmseg_registered')
def test_saved_checkpoint_differs_in_the_bias_only_and_is_folded_once(tmp_path: Path) -> None:
    model, source, target = segmentor(), tmp_path / 'iter_1.pth', tmp_path / 'new' / 'folded.pth'
    torch.save({'meta': {'seed': 3}, 'state_dict': model.state_dict(), 'optimizer': {}}, source)
    original = {key: value.clone() for key, value in model.state_dict().items()}
    check_foldable(model, source, target)
    key = fold_prior(model, PRIOR, 1.0, batch())
    save_folded(source, target, {key: model.decode_head.conv_seg.bias}, {'tau': 1.0})
    saved = torch.load(target, weights_only=True)
    assert saved['meta'] == {'seed': 3, 'posthoc': {'tau': 1.0}} and 'optimizer' not in saved
    assert [name for name, value in saved['state_dict'].items() if not torch.equal(value, original[name])] == [key]
    assert torch.allclose(saved['state_dict'][key], original[key] - PRIOR.float())
    with pytest.raises(ValueError, match='tau = 1.0 folded in'):
        check_foldable(model, target, tmp_path / 'again.pth')
    hinted(
        'Start from the checkpoint that training wrote.', lambda: check_foldable(model, target, tmp_path / 'again.pth')
    )
    check_foldable(model, source, tmp_path / 'again.pth')
    with pytest.raises(ValueError, match='another file'):
        check_foldable(model, source, source)
    torch.save({'state_dict': {}}, tmp_path / 'empty.pth')
    with pytest.raises(ValueError, match='the key'):
        check_foldable(model, tmp_path / 'empty.pth', target)


@pytest.mark.usefixtures('mmseg_registered')
def test_saved_weights_have_names_and_precision_of_the_checkpoint(tmp_path: Path) -> None:
    """One without meta data, of a model in a wrapper and in half precision here."""
    model, source, target = segmentor(), tmp_path / 'bare.pth', tmp_path / 'folded.pth'
    state = {f'module.{key}': value.half() for key, value in model.state_dict().items()}
    torch.save(state, source)
    check_foldable(model, source, target)
    bias = torch.arange(4.0)
    save_folded(source, target, {'decode_head.conv_seg.bias': bias}, {'tau': 1.0})
    saved = torch.load(target, weights_only=True)['state_dict']
    assert saved.keys() == state.keys() and all(saved[key].dtype == value.dtype for key, value in state.items())
    assert torch.equal(saved['module.decode_head.conv_seg.bias'], bias.half())
