"""What MaskFormer, Mask2Former and SAN need is said before the model is built."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hinted import hinted

from ltseg.cli.checks import head_faults
from ltseg.cli.mask_checks import mmdet_faults
from ltseg.config_parts import parts_of

NAMES = {'train_dataloader': ('road', 'car', 'pole')}
HEAD = 'model.decode_head'


def faults(key: str = 'loss_cls', **loss: Any) -> list[str]:
    head = {'type': 'Mask2FormerHead', 'num_classes': 3, key: {'type': 'ltseg.MaskClassificationLoss', **loss}}
    return list(head_faults({'decode_head': head}, NAMES))


@pytest.mark.parametrize('type_name', ['mmdet.CrossEntropyLoss', 'ltseg.MaskClassificationLoss'])
def test_a_weight_for_each_class_and_for_no_object(type_name: str) -> None:
    text = 'Set model.decode_head.loss_cls.class_weight=[1.0] * 3 + [0.1].'
    for weight in (None, [1.0] * 3, [1.0] * 5):
        found = faults(type=type_name, class_weight=weight)
        expected = f'{HEAD}.loss_cls.class_weight: expected 3 numbers and one for "no object", got'
        assert len(found) == 1 and found[0].startswith(expected) and found[0].endswith(text)
    hinted('.class_weight=[1.0] *', lambda: faults(type=type_name))
    assert not faults(type=type_name, class_weight=[1.0] * 3 + [0.1])


def test_the_loss_of_san_is_one_of_masks_by_its_name() -> None:
    options = dict(type='ltseg.CrossEntropyLoss', loss_name='loss_cls_ce')
    assert not faults('loss_decode', **options, class_weight=[1.0] * 3 + [0.1])
    assert not faults('loss_decode', **options)
    assert faults('loss_decode', **options, class_weight=[1.0] * 3)


def test_counts_are_those_of_the_classes() -> None:
    weight, rules = [1.0] * 3 + [0.1], [dict(type='ltseg.PriorBias')]
    assert not faults(class_weight=weight, rules=rules, counts=[5, 3, 1])
    assert 'counts: expected 3 classes' in faults(class_weight=weight, rules=rules, counts=[5, 3, 1, 9])[0]
    san: dict[str, Any] = dict(key='loss_decode', type='ltseg.BalancedSoftmaxLoss', loss_name='loss_cls_ce')
    assert not faults(**san, counts=[5, 3, 1, 9])
    assert 'counts: expected 4 classes' in faults(**san, counts=[5, 3, 1])[0]
    hinted('Use ltseg.MaskClassificationLoss with rules.', lambda: faults(**san))
    assert not faults(class_weight=weight, rules=rules)


def missing(monkeypatch: pytest.MonkeyPatch, module: str) -> Callable[[], list[str]]:
    """The faults of a model in a Python in which a module cannot be imported."""
    for name in [name for name in sys.modules if name.split('.')[0] == 'mmdet']:
        monkeypatch.delitem(sys.modules, name)

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: Any) -> None:
            if name in ('mmdet', module):
                raise ModuleNotFoundError(f'No module named {module!r}', name=module)

    monkeypatch.setattr(sys, 'meta_path', [Finder, *sys.meta_path])
    model = {'decode_head': {'type': 'Mask2FormerHead', 'pixel_decoder': {'type': 'mmdet.PixelDecoder'}}}
    return lambda: list(mmdet_faults(parts_of(model, 'model')))


def test_what_cannot_be_imported_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = missing(monkeypatch, 'mmdet')
    assert len(found()) == 1 and found()[0].startswith(f'{HEAD}: expected the package mmdet, got none installed.')
    hinted("For MaskFormer and Mask2Former: pip install 'ltseg[masks]'.", found)
    monkeypatch.undo()
    found = missing(monkeypatch, 'mmcv._ext')
    assert len(found()) == 1 and "No module named 'mmcv._ext'" in found()[0]
    hinted("For MaskFormer and Mask2Former: pip install 'ltseg[masks]'.", found)
    assert not list(mmdet_faults(parts_of({'decode_head': {'type': 'FCNHead'}}, 'model')))  # which needs none


def test_where_it_is_installed_nothing_is_wrong() -> None:
    pytest.importorskip('mmdet')
    assert not list(mmdet_faults(parts_of({'decode_head': {'type': 'MaskFormerHead'}}, 'model')))
