"""ResLT: branches that are added up, each of which learns its classes, in both heads."""

import copy
import pickle

import pytest
import torch
from hinted import hinted
from mmengine.structures import PixelData
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.core.features import FeatureBatch
from ltseg.heads import ResidualBranchClassifier
from ltseg.registry import MODELS
from ltseg.regularizers import ResidualBranchLoss
from ltseg.regularizers.residual_branches import rarest_classes

COUNTS = [900, 8, 300, 40, 120]
K, D = len(COUNTS), 8
SHARES = (1.0, 0.6, 0.4)
CLASSES = [range(K), (1, 3, 4), (1, 3)]  # the rarest five, three and two


def batch(size=40, views=2, ignored=True):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(size, views, 3, K, generator=generator, dtype=torch.float64)
    labels = torch.randint(K, (size,), generator=generator)
    valid = torch.arange(size) % 4 > 0 if ignored else None
    return FeatureBatch(torch.zeros(size, views, D), labels, K, valid=valid, branch_logits=logits)


def naive(logits, labels):
    """Of rows (N, B, K)."""
    terms = [
        F.cross_entropy(logits[i, b], labels[i])
        for i in range(len(labels))
        for b, classes in enumerate(CLASSES)
        if int(labels[i]) in classes
    ]
    return torch.stack(terms).mean()


@pytest.mark.parametrize('ignored', [False, True])
def test_each_branch_learns_from_its_classes(ignored):
    given = batch(ignored=ignored)
    kept = given.labels >= 0
    leaf = given.branch_logits.clone().requires_grad_()
    term = ResidualBranchLoss(SHARES, counts=COUNTS)
    value = term(FeatureBatch(given.features, given.labels, K, valid=given.valid, branch_logits=leaf))
    (gradient,) = torch.autograd.grad(value, leaf)
    expected = naive(leaf[kept].flatten(0, 1), given.labels[kept].repeat_interleave(2))
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, leaf)[0])
    head = given.labels == 0
    assert (gradient[head, :, 1:] == 0).all() and (gradient[head & kept, :, 0] != 0).any()


def test_gradient_is_that_of_the_value():
    given, term = batch(6), ResidualBranchLoss(SHARES, counts=COUNTS)

    def value(logits):
        return term(FeatureBatch(given.features, given.labels, K, valid=given.valid, branch_logits=logits))

    assert torch.autograd.gradcheck(value, given.branch_logits.clone().requires_grad_())


def test_one_branch_of_all_classes_is_cross_entropy():
    given = batch(ignored=False)
    logits = given.branch_logits[:, :, :1]
    value = ResidualBranchLoss([1.0], counts=COUNTS)(
        FeatureBatch(given.features, given.labels, K, branch_logits=logits)
    )
    expected = F.cross_entropy(logits.flatten(0, 2), given.labels.repeat_interleave(2))
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize('share', [1.0, 0.65, 0.3, 0.01])
def test_the_rarest_share_of_a_hundred_classes(share):
    counts = torch.linspace(500, 5, 100).long()
    chosen = rarest_classes(counts, share).nonzero().flatten().tolist()
    assert chosen == list(range(100 - round(100 * share), 100))
    order = torch.randperm(100)
    assert torch.equal(rarest_classes(counts[order], share), rarest_classes(counts, share)[order])
    assert rarest_classes(torch.full((100,), 7), share).sum() == round(100 * share)


@pytest.mark.parametrize('labels', [[], [0, 0, 0], [255, 255, 255]], ids=['no samples', 'one class', 'all ignored'])
def test_hostile_batches(labels):
    labels = torch.tensor(labels, dtype=torch.int64)
    logits = torch.randn(len(labels), 1, 3, K, requires_grad=True)
    given = FeatureBatch(torch.zeros(len(labels), 1, D), labels, K, valid=labels < K, branch_logits=logits)
    value = ResidualBranchLoss(SHARES, counts=COUNTS)(given)
    value.backward()
    assert value.isfinite() and logits.grad.isfinite().all() and (value > 0) == bool((labels == 0).any())


def test_ignored_logits_may_be_anything():
    given, term = batch(), ResidualBranchLoss(SHARES, counts=COUNTS)
    ignored = (given.labels < 0)[:, None, None, None]
    wrong = given.branch_logits.masked_fill(ignored, torch.nan).requires_grad_()
    value = term(FeatureBatch(given.features, given.labels, K, valid=given.valid, branch_logits=wrong))
    torch.testing.assert_close(value, term(given))
    assert torch.autograd.grad(value, wrong)[0].isfinite().all()


@pytest.mark.parametrize('spatial_dims', [0, 2])
def test_the_classifier_adds_its_branches_up(spatial_dims):
    torch.manual_seed(0)
    classifier = ResidualBranchClassifier(D, K, 3, spatial_dims).double()
    for norm in classifier.norms:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    features = torch.randn(6, D, *[3] * spatial_dims, dtype=torch.float64)
    linear = F.conv2d if spatial_dims else F.linear
    expected = [linear(norm(features), classifier.weight, classifier.bias) for norm in classifier.norms]
    logits = classifier(features)
    torch.testing.assert_close(logits, sum(expected))
    torch.testing.assert_close(classifier.branch_logits, torch.stack(expected, 1))
    for other in (copy.deepcopy(classifier), pickle.loads(pickle.dumps(classifier))):  # after a batch
        assert other.branch_logits is None
        torch.testing.assert_close(other(features), logits)
    classifier.eval()(features)
    assert classifier.branch_logits is None


def head_of(kind, **options):
    torch.manual_seed(0)
    term = dict(type='ltseg.ResidualBranchLoss', shares=SHARES, counts=COUNTS, loss_weight=0.9)
    classifier = dict(type='ltseg.ResidualBranchClassifier', branches=3)
    return MODELS.build({**kind, 'classifier': classifier, 'regularizers': [term], **options})


@pytest.mark.usefixtures('mmpretrain_registered')
def test_in_a_head_of_classification():
    from mmpretrain.structures import DataSample

    kind = dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=D, loss=dict(type='ltseg.CrossEntropyLoss'))
    head, features, labels = head_of(kind, classified_views=[0, 1]), torch.randn(12, 2, D), torch.arange(12) % K
    losses = head.loss((features,), [DataSample().set_gt_label(int(label)) for label in labels])
    head.fc(features.flatten(0, 1))
    branches, labels = head.fc.branch_logits, labels.repeat_interleave(2)
    torch.testing.assert_close(losses['loss'], F.cross_entropy(branches.sum(1), labels))
    torch.testing.assert_close(losses['loss_residual_branches'], 0.9 * naive(branches, labels))


SEG = dict(type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=D, channels=D, num_classes=K)
SEG |= dict(num_convs=0, concat_input=False, dropout_ratio=0, loss_decode=dict(type='ltseg.CrossEntropyLoss'))


def samples(labels):
    from mmseg.structures import SegDataSample

    return [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]


@pytest.mark.usefixtures('mmseg_registered')
@pytest.mark.parametrize('fused', [True, False])
def test_in_a_head_of_segmentation(fused):
    """At the resolution of the features, with the nearest labels."""
    head, features = head_of(SEG, fused=fused), torch.randn(2, D, 3, 4)
    labels = torch.randint(K, (2, 1, 6, 8))
    labels[0, 0, :2] = 255
    losses = head.loss([features], samples(labels), {})
    head.conv_seg(features)
    branches = head.conv_seg.branch_logits.permute(0, 3, 4, 1, 2).flatten(0, 2)
    nearest = labels[:, 0, ::2, ::2].flatten()
    expected = 0.9 * naive(branches[nearest != 255], nearest[nearest != 255])
    torch.testing.assert_close(losses['loss_residual_branches'], expected)
    upsampled = F.interpolate(branches.sum(1).view(2, 3, 4, K).movedim(3, 1), (6, 8), mode='bilinear')
    torch.testing.assert_close(losses['loss_ce'], F.cross_entropy(upsampled, labels[:, 0], ignore_index=255))


@pytest.mark.usefixtures('mmseg_registered')
def test_a_classifier_with_as_many_branches_is_needed():
    features, labels = [torch.randn(2, D, 3, 4)], samples(torch.randint(K, (2, 1, 6, 8)))
    term = dict(type='ltseg.ResidualBranchLoss', shares=SHARES, counts=COUNTS)
    two = dict(type='ltseg.ResidualBranchClassifier', branches=2)
    three = dict(type='ltseg.ResidualBranchClassifier', branches=3)
    for classifier in (None, two):
        head = MODELS.build({**SEG, 'classifier': classifier, 'regularizers': [term]})
        hinted(
            "Set classifier=dict(type='ltseg.ResidualBranchClassifier', branches=",
            lambda head=head: head.loss(features, labels, {}),
        )
    head = MODELS.build({**SEG, 'classifier': three, 'regularizers': [term]})
    assert head.loss(features, labels, {})['loss_residual_branches'].isfinite()


def test_faults_are_named():
    with pytest.raises(ValueError, match=r'ResidualBranchLoss\.shares'):
        ResidualBranchLoss((1.0, 1.5))
    with pytest.raises(ValueError, match=r'ResidualBranchClassifier\.branches'):
        ResidualBranchClassifier(D, K, 0)


def value_of(rank, folder):
    given = batch()
    part = slice(0, 10) if rank == 0 else slice(10, None)
    logits = given.branch_logits[part].clone().requires_grad_()
    own = FeatureBatch(given.features[part], given.labels[part], K, valid=given.valid[part], branch_logits=logits)
    value = ResidualBranchLoss(SHARES, counts='batch')(own)
    torch.save((value.detach(), torch.autograd.grad(value, logits)[0]), f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_two_processes_are_one(tmp_path):
    in_two_processes(value_of, str(tmp_path))
    ranks = [torch.load(tmp_path / f'{rank}.pth') for rank in range(2)]
    given = batch()
    leaf = given.branch_logits.clone().requires_grad_()
    joined = FeatureBatch(given.features, given.labels, K, valid=given.valid, branch_logits=leaf)
    value = ResidualBranchLoss(SHARES, counts='batch')(joined)
    torch.testing.assert_close((ranks[0][0] + ranks[1][0]) / 2, value.detach())
    torch.testing.assert_close(torch.cat([rank[1] for rank in ranks]) / 2, torch.autograd.grad(value, leaf)[0])
