"""The methods that are compared: each is a change of the decode head that trains."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.registry import MODELS

from ltseg.cli.choosing.candidates import candidates, with_method
from ltseg.cli.choosing.methods import BASELINE, METHODS
from ltseg.cli.choosing.outcome import write_config
from ltseg.core.errors import LtsegError, UsageError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import ClassCountsSource
from ltseg.counts.table import CountsTable

pytestmark = pytest.mark.usefixtures('mmseg_registered')


def config(**more: Any) -> Config:
    head = dict(
        type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=3, norm_cfg=dict(type='BN'),
        loss_decode=dict(type='CrossEntropyLoss'),
    )  # fmt: skip
    return Config(dict(model=dict(type='EncoderDecoder', decode_head=head, auxiliary_head=dict(head)), **more))


@pytest.mark.parametrize('name', METHODS)
def test_each_method_trains_a_plain_head(name: str) -> None:
    changed = with_method(config(), METHODS[name])
    assert changed.model.auxiliary_head == config().model.auxiliary_head
    head = MODELS.build(changed.model.decode_head)
    samples = torch.tensor([900, 90, 10])
    table = CountsTable(ClassCounts(samples, samples, samples), ('a', 'b', 'c'), {})
    for module in (each for each in head.modules() if isinstance(each, ClassCountsSource) and each.waiting):
        module.fill(table)
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    labels = torch.randint(3, (2, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    batch = [SegDataSample(gt_sem_seg=PixelData(data=each)) for each in labels]
    losses = head.loss([torch.randn(2, 4, 8, 8)], batch, {})
    total = sum(value for key, value in losses.items() if 'loss' in key)
    total.backward()
    assert total.isfinite() and all(p.grad is not None for p in head.conv_seg.parameters())


def test_methods_differ() -> None:
    heads = [(with_method(config(), each).model.decode_head.to_dict(), each.sampler) for each in METHODS.values()]
    assert all(heads.index(head) == place for place, head in enumerate(heads))
    assert len({method.title for method in METHODS.values()}) == len(METHODS)


def test_what_a_head_had_before_is_gone() -> None:
    given = config()
    given.model.decode_head.update(
        type='ltseg.LongTailSegHead', head_type='FCNHead', classifier=dict(type='ltseg.ETFClassifier'),
        regularizers=[dict(type='ltseg.WeightRepulsion')], loss_decode=dict(type='ltseg.DotRegressionLoss', a=1),
    )  # fmt: skip
    head = with_method(given, METHODS['sqrt']).model.decode_head
    assert head.loss_decode.to_dict() == METHODS['sqrt'].loss
    assert 'classifier' not in head and 'regularizers' not in head


def test_names_choose_and_cross_entropy_comes_first() -> None:
    assert [each.name for each in candidates(['arb', 'sqrt'], {})] == [BASELINE, 'arb', 'sqrt']
    assert [each.name for each in candidates(None, {})] == list(METHODS)
    with pytest.raises(LtsegError, match="'seesaw'"):
        candidates(['seesaws'], {})


def test_a_config_adds_its_own() -> None:
    sampler = dict(type='ltseg.RepeatFactorSampler')
    mine = dict(loss_decode=dict(type='ltseg.FocalLoss', gamma=3.0), dropout_ratio=0.5, sampler=sampler)
    (_, own) = candidates(['mine'], {'choose': {'mine': mine}})
    head = with_method(config(), own).model.decode_head
    assert (
        head.loss_decode.gamma == 3 and head.dropout_ratio == 0.5 and own.sampler == sampler and 'sampler' not in head
    )
    assert list(METHODS) + ['mine'] == [each.name for each in candidates(None, {'choose': {'mine': mine}})]


def test_losses_may_be_several() -> None:
    both = [dict(type='ltseg.CrossEntropyLoss'), dict(type='ltseg.DiceLoss')]
    (_, own) = candidates(['mine'], {'choose': {'mine': dict(loss_decode=both)}})
    assert [each.type for each in with_method(config(), own).model.decode_head.loss_decode] == [
        'ltseg.CrossEntropyLoss', 'ltseg.DiceLoss',
    ]  # fmt: skip


@pytest.mark.parametrize(
    'given', [3, ['mine'], {'mine': 'focal'}, {'mine': {'gamma': 3}}, {'mine': {'loss_decode': []}}]
)
def test_what_is_no_method_is_refused(given: Any) -> None:
    with pytest.raises(UsageError):
        candidates(None, {'choose': given})
    hint = "E.g. choose=dict(mine=dict(loss_decode=dict(type='ltseg.FocalLoss', gamma=3.)))."
    hinted("=dict(type='ltseg.FocalLoss', gamma=3.))).", lambda: candidates(None, {'choose': given}))
    example = eval(hint.removeprefix('E.g. choose=').rstrip('.'))
    assert candidates(['mine'], {'choose': example})[1].loss['gamma'] == 3


def test_methods_that_need_a_hook_are_refused() -> None:
    """The heads are trained without: this one would learn by supervised contrast alone."""
    term = dict(type='ltseg.SubclassBalancedContrastiveLoss')
    given = {'mine': dict(loss_decode=dict(type='ltseg.CrossEntropyLoss'), regularizers=[term])}
    with pytest.raises(UsageError, match=r'choose.mine.regularizers.0: .* needs ltseg.ClusterSubclasses'):
        candidates(None, {'choose': given})
    hinted('Leave the method out, and train its config whole.', lambda: candidates(None, {'choose': given}))
    assert candidates(None, {})


@pytest.mark.parametrize('name', [BASELINE, 'Seesaw'])
def test_names_and_titles_that_are_taken_are_refused(name: str) -> None:
    own = dict(loss_decode=dict(type='ltseg.SeesawLoss', p=0.1))
    hinted('Call it otherwise, e.g. my_', lambda: candidates(None, {'choose': {name: own}}))
    assert candidates([f'my_{name}'], {'choose': {f'my_{name}': own}})[-1].loss == own['loss_decode']


def test_what_is_chosen_draws_images_as_the_heads_did(tmp_path: Path) -> None:
    """Without a sampler of classes, which the config has."""
    given = config()
    given.train_dataloader = dict(sampler=dict(type='ltseg.RareClassSampler'))
    given.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    given.dump(tmp_path / 'base.py')
    base = Config.fromfile(tmp_path / 'base.py')
    write_config(tmp_path / 'chosen.py', base, '', METHODS['arb'], 'So.', 0.5)
    expected = dict(type='InfiniteSampler', shuffle=True)
    assert Config.fromfile(tmp_path / 'chosen.py').train_dataloader.sampler == expected
    base.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=False)
    write_config(tmp_path / 'chosen.py', base, '', METHODS['arb'], 'So.', 0.5)
    assert 'sampler' not in (tmp_path / 'chosen.py').read_text()
