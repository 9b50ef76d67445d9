"""MMSegmentation's DiceLoss and LovaszLoss are a finding with true evidence, and those of ltseg are none."""

import pytest
import torch
from hinted import hinted
from torch import nn

from ltseg.registry import MODELS
from ltseg.reports.diagnosis.finding import Finding
from ltseg.reports.diagnosis.foreign_losses import foreign_loss_findings

pytestmark = pytest.mark.usefixtures('mmseg_registered')

COUNTS, NAMES = torch.tensor([99, 1, 0]), ('road', 'pole', 'ghost')
IGNORED = 255
MMSEG_LOVASZ = dict(type='mmseg.LovaszLoss', reduction='none')


def found(*configs: dict, ignored: float = 0.5) -> list[Finding]:
    model = nn.ModuleDict({'decode_head': nn.ModuleList(map(MODELS.build, configs))})
    return list(foreign_loss_findings(model, COUNTS, NAMES, ignored))


def value(config: dict, logits: torch.Tensor, labels: torch.Tensor) -> float:
    return MODELS.build(config)(logits, labels, ignore_index=IGNORED).mean().item()


@pytest.mark.parametrize('options', [{}, dict(use_sigmoid=False), dict(naive_dice=True)], ids=str)
def test_dice_of_all_classes_as_one(options: dict) -> None:
    """A prediction that is right but for the one pole in 100 pixels; and other logits in ignored pixels."""
    theirs, ours = dict(type='mmseg.DiceLoss', **options), dict(type='ltseg.DiceLoss')
    (finding,) = found(theirs)
    assert 'costs 0.01, the share of its pixels, where ltseg.DiceLoss has 1 / 2.' in finding.evidence
    assert '50.0% of all' in finding.evidence and finding.classes == ('pole',)
    assert 'gnored' not in found(theirs, ignored=0)[0].evidence
    hinted('Use ltseg.DiceLoss: it has a term for each class present', finding.advice)
    assert not found(ours)
    labels = torch.zeros(1, 10, 10, dtype=torch.int64)
    labels[0, 0, 0] = 1
    road = torch.tensor([1e4, -1e4, -1e4]).view(1, 3, 1, 1).expand(1, 3, 10, 10)
    assert value(theirs, road, labels) == pytest.approx(0.01, rel=1e-2)
    assert value(ours, road, labels) == pytest.approx(0.5, rel=2e-2)
    labels[0, 5:] = IGNORED
    first = torch.zeros(1, 3, 10, 10)
    second = first + torch.tensor([5.0, 0.0, 0.0]).view(1, 3, 1, 1) * (labels == IGNORED)  # surer of the road
    assert value(theirs, second, labels) > value(theirs, first, labels) + 0.01
    assert value(ours, first, labels) == value(ours, second, labels)


def test_lovasz_without_labelled_pixels() -> None:
    (finding,) = found(MMSEG_LOVASZ)
    assert 'gives nan' in finding.evidence and not found(MMSEG_LOVASZ, ignored=0)
    hinted('Use ltseg.LovaszLoss: images and batches without a labelled pixel add 0 to it.', finding.advice)
    logits, labels = torch.randn(2, 3, 4, 4), torch.full((2, 4, 4), IGNORED)
    assert value(MMSEG_LOVASZ, logits, labels) != value(MMSEG_LOVASZ, logits, labels)
    labels[0] = 1
    with pytest.raises(RuntimeError, match='stack'):
        value(dict(type='mmseg.LovaszLoss', per_image=True), logits, labels)
    assert not found(dict(type='ltseg.LovaszLoss'))
    for per in ('batch', 'image'):
        ours = dict(type='ltseg.LovaszLoss', per=per)
        assert value(ours, logits, labels) > 0 and value(ours, logits, torch.full_like(labels, IGNORED)) == 0


def test_each_is_named_once_beside_other_losses() -> None:
    dice = dict(type='mmseg.DiceLoss')
    findings = found(dict(type='mmseg.CrossEntropyLoss'), dice, dice, MMSEG_LOVASZ)
    assert [each.title.split()[0] for each in findings] == ['DiceLoss', 'LovaszLoss']
    assert 'decode_head.1' in findings[0].title and all(each.kind == 'foreign_loss' for each in findings)
