"""Classification heads with other classifiers, lists of losses and regularizers; every loss in MMPretrain's head."""

import copy
import gc
import io
import weakref

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, LOSSES, REGION_LOSSES, UNFUSED_LOSSES, K, name_of, without_chance
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers import Regularizer

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')

HEAD = dict(num_classes=K, in_channels=8)
ARB = dict(type='ltseg.ARBLoss')
HEADS = [
    dict(type='LinearClsHead'),
    dict(type='StackedLinearClsHead', mid_channels=[6]),
    dict(type='VisionTransformerClsHead', hidden_dim=6),
]
HARD_ONLY = (
    'Seesaw',
    'Equalization',
    'LabelAwareSmoothing',
    'LDAM',
    'Margin',
    'LovaszLoss',
)  # no formula for mixed labels


class Recorder(Regularizer):
    """Keeps the batch that it gets; its value is the mean square of the features and of the class vectors."""

    def __init__(self, **options):
        super().__init__(**{'loss_name': 'loss_recorded', **options})
        self.sizes, self.batch = None, None

    def build(self, num_classes, feature_dim):
        self.sizes = num_classes, feature_dim

    def value(self, batch: FeatureBatch):
        self.batch = batch
        return batch.features.square().mean() + batch.classifier.square().mean()


def base_head(**more):
    from mmpretrain.registry import MODELS as MMPRETRAIN  # noqa: N811

    torch.manual_seed(0)
    return MMPRETRAIN.build({'type': 'LinearClsHead', **HEAD, **more})


def our_head(**more):
    torch.manual_seed(0)
    return MODELS.build({'type': 'ltseg.LongTailClsHead', **HEAD, **more})


def samples(labels, scores=None):
    from mmpretrain.structures import DataSample

    made = [DataSample().set_gt_label(int(label)) for label in labels]
    for sample, score in zip(made, scores if scores is not None else (), strict=False):
        sample.set_gt_score(score)
    return made


def batch(views=0, number=12):
    generator = torch.Generator().manual_seed(1)
    shape = (number, views, 8) if views else (number, 8)
    return (torch.randn(shape, generator=generator),), torch.randint(0, K, (number,), generator=generator)


def mixed(labels, share):
    hot = F.one_hot(labels, K).float()
    return share * hot + (1 - share) * hot.roll(1, 0)


@pytest.mark.parametrize('reference', HEADS, ids=lambda reference: reference['type'])
def test_is_the_head_it_extends(reference):
    head_type, more = reference['type'], {k: v for k, v in reference.items() if k != 'type'}
    features, labels = batch()
    head, expected = our_head(head_type=head_type, **more), base_head(**reference)
    assert isinstance(head, type(expected)) and head.state_dict().keys() == expected.state_dict().keys()
    head.load_state_dict(expected.state_dict())
    losses, theirs = head.loss(features, samples(labels)), expected.loss(features, samples(labels))
    assert losses == theirs and torch.equal(head(features), expected(features))
    scores = mixed(labels, 0.3)
    assert head.loss(features, samples(labels, scores)) == expected.loss(features, samples(labels, scores))


@pytest.mark.parametrize('reference', HEADS, ids=lambda reference: reference['type'])
def test_classifier_takes_the_place_of_the_last_layer(reference):
    head_type, more = reference['type'], {k: v for k, v in reference.items() if k != 'type'}
    recorder = Recorder()
    ours = dict(classifier=dict(type='ltseg.CosineClassifier'), regularizers=[recorder])
    head = our_head(head_type=head_type, loss=dict(type='ltseg.LDAMLoss', counts=COUNTS), **more, **ours)
    head.init_weights()
    features, labels = batch()
    losses = head.loss(features, samples(labels))  # a warning of logits that are no cosines would be an error
    (losses['loss'] + losses['loss_recorded']).backward()
    before = head.pre_logits(features)
    cosines = F.cosine_similarity(before[:, None], head.classifier.weight[None], dim=2)
    torch.testing.assert_close(head(features), cosines)
    assert torch.equal(recorder.batch.features.squeeze(1), before) and recorder.sizes == (K, before.shape[1])
    assert recorder.batch.classifier.shape == (K, before.shape[1])
    plain = our_head(head_type=head_type, **more).state_dict().keys()
    (gone,) = plain - head.state_dict().keys()
    assert gone.endswith('bias') and head.state_dict().keys() < plain


def test_can_be_copied_and_pickled():
    features, _ = batch()
    head = our_head(classifier=dict(type='ltseg.CosineClassifier')).eval()
    stream = io.BytesIO()
    torch.save(head, stream)
    stream.seek(0)
    for other in (copy.deepcopy(head), torch.load(stream, weights_only=False)):
        assert type(other) is type(head) and torch.equal(other(features), head(features))


WITHOUT_PAIRS = 'ltseg.PairwiseRankingLoss', 'image'  # of which each has one label
ALL = [c for c in LOSSES + REGION_LOSSES + UNFUSED_LOSSES if (c['type'], c.get('per')) != WITHOUT_PAIRS]


@pytest.mark.parametrize('config', ALL, ids=name_of)
@pytest.mark.parametrize('make', [base_head, our_head], ids=['reference', 'ours'])
def test_every_loss_under_the_arguments_of_mmpretrain(config, make):
    """It passes avg_factor, and mixed labels where a batch augmentation mixes."""
    features, labels = (torch.rand(12, 8) - 0.5,), batch()[1]
    config = without_chance(config)
    head, scores = make(loss=config, init_cfg=None), mixed(labels, 0.3)
    torch.nn.init.uniform_(head.fc.weight, -0.2, 0.2)  # logits within [-1, 1], as losses of cosines want them
    torch.nn.init.zeros_(head.fc.bias)
    alone = make(loss=config).loss_module  # no copy, which would share running counts
    torch.manual_seed(2)
    value = head.loss(features, samples(labels))['loss']
    torch.manual_seed(2)
    torch.testing.assert_close(value, alone(head(features), labels))
    value.backward()
    assert head.fc.weight.grad.isfinite().all() and head.fc.weight.grad.abs().sum() > 0
    smooths = 'label_smoothing' in config
    if smooths or any(name in str(config) for name in HARD_ONLY):
        with pytest.raises(ValueError, match='class indices'):
            head.loss(features, samples(labels, scores))
        return
    value = head.loss(features, samples(labels, scores))['loss']
    torch.testing.assert_close(value, alone(head(features), scores))


def test_several_losses_have_their_names_and_equal_names_are_summed():
    features, labels = batch()
    balanced = dict(type='ltseg.BalancedSoftmaxLoss', counts=COUNTS)
    losses = our_head(loss=[ARB, balanced, {**balanced, 'loss_weight': 0.5}]).loss(features, samples(labels))
    assert losses.keys() == {'loss_arb', 'loss_balanced_softmax'}
    torch.testing.assert_close(losses['loss_arb'], our_head(loss=ARB).loss(features, samples(labels))['loss'])
    alone = our_head(loss=balanced).loss(features, samples(labels))['loss']
    torch.testing.assert_close(losses['loss_balanced_softmax'], 1.5 * alone)


@pytest.mark.parametrize('share', [0.3, 0.5, 0.7])
def test_regularizers_get_the_class_of_the_larger_share(share):
    features, labels = batch()
    recorder = Recorder()
    head = our_head(regularizers=[recorder])
    head.loss(features, samples(labels, mixed(labels, share)))
    assert torch.equal(recorder.batch.labels, labels if share >= 0.5 else labels.roll(1, 0))
    head.loss(features, samples(labels))
    assert torch.equal(recorder.batch.labels, labels)


@pytest.mark.parametrize('views', [(0,), (2,), (0, 1), (2, 0)])
def test_losses_see_the_classified_views_and_regularizers_all(views):
    features, labels = batch(views=3)
    recorder = Recorder()
    head = our_head(loss=ARB, classified_views=views, regularizers=[recorder])
    losses = head.loss(features, samples(labels))
    assert torch.equal(recorder.batch.features, features[0]) and torch.equal(recorder.batch.labels, labels)
    alone = [our_head(loss=ARB).loss((features[0][:, view],), samples(labels))['loss'] for view in views]
    torch.testing.assert_close(losses['loss'], torch.stack(alone).mean())


def test_counts_of_the_batch_are_those_of_the_unmixed_labels():
    """Where each label has a share of its own, as under Remix."""
    features, labels = batch(number=40)
    scores = mixed(labels, torch.linspace(0, 1, 40)[:, None])
    hard = torch.bincount(labels, minlength=K)
    assert (scores.sum(0) - hard).abs().max() > 0.1
    value = our_head(loss=ARB).loss(features, samples(labels, scores))['loss']
    known = our_head(loss={**ARB, 'counts': hard.tolist()}).loss(features, samples(labels, scores))['loss']
    torch.testing.assert_close(value, known)
    head = our_head(loss=[ARB, dict(type='ltseg.ARBLoss', counts='ema', loss_name='loss_ema')])
    head.loss(features, samples(labels, scores))
    assert torch.equal(head.losses[1].counts.get_extra_state()[0], hard.double())


def test_mixup_with_one_share_needs_no_unmixed_labels():
    """MMPretrain's own head sees mixed labels only, and has the same counts."""
    features, labels = batch()
    data_samples = samples(labels, mixed(labels, 0.3))
    ours, reference = our_head(loss=ARB), base_head(loss=ARB)
    torch.testing.assert_close(
        ours.loss(features, data_samples)['loss'], reference.loss(features, data_samples)['loss']
    )


@pytest.mark.parametrize(('width', 'views'), [(8, 0), (3, 0), (8, 3)])
def test_dot_regression_with_a_fixed_classifier(width, views):
    features, labels = batch(views)
    features = (features[0][..., :width],)
    classifier, loss = dict(type='ltseg.ETFClassifier'), dict(type='ltseg.DotRegressionLoss')
    more = dict(in_channels=width, loss=loss, classifier=classifier, classified_views=(0, 2) if views else (0,))
    if width < K - 1:
        with pytest.warns(UserWarning, match='needs 4 feature dimensions, got 3'):
            head = our_head(**more)
    else:
        head = our_head(**more)
    vectors = head.classifier.vectors.clone()
    head.init_weights()
    assert torch.equal(head.classifier.vectors, vectors)
    rows = features[0].requires_grad_()
    values = []
    for _ in range(50):
        value = head.loss((rows,), samples(labels, mixed(labels, 0.9)))['loss']
        (gradient,) = torch.autograd.grad(value, rows)
        rows = (rows - 5 * gradient).detach().requires_grad_()
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]


def test_training_accuracy_also_with_mixed_labels():
    features, labels = batch()
    head = our_head(cal_acc=True)
    expected = base_head(cal_acc=True).loss(features, samples(labels))
    assert head.loss(features, samples(labels)) == expected
    assert head.loss(features, samples(labels, mixed(labels, 0.8))).keys() == expected.keys()


def test_training_accuracy_is_that_of_the_larger_share():
    features, labels = batch()
    head = our_head(cal_acc=True)
    of_mixed, of_others, of_own = (
        head.loss(features, data_samples)['accuracy_top-1']
        for data_samples in (samples(labels, mixed(labels, 0.3)), samples(labels.roll(1, 0)), samples(labels))
    )
    assert of_mixed == of_others != of_own


def test_losses_of_mmpretrain_have_the_names_of_their_types():
    features, labels = batch()
    losses = our_head(loss=[ARB, dict(type='CrossEntropyLoss')]).loss(features, samples(labels))
    assert losses.keys() == {'loss_arb', 'loss_CrossEntropyLoss'}


def test_features_are_let_go_after_the_loss():
    features, labels = batch()
    head = our_head(regularizers=[dict(type='ltseg.WithinClassRegularizer', centers='batch')])
    head.loss(features, samples(labels))
    known = weakref.ref(features[0])
    del features
    gc.collect()
    assert known() is None


def test_autocast_keeps_losses_in_float32():
    features, labels = batch()
    head = our_head(loss=ARB, regularizers=[Recorder()])
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss((features[0].bfloat16(),), samples(labels, mixed(labels, 0.3)))
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())


@pytest.mark.parametrize(
    ('more', 'expected'),
    [
        (dict(head_type='ResNet'), 'a classification head of mmpretrain'),
        (dict(head_type='ArcFaceClsHead'), "the losses of mmpretrain's ClsHead"),
        (dict(loss=dict(type='ltseg.DotRegressionLoss')), 'an ETF classifier under DotRegressionLoss'),
        (dict(classified_views=()), 'classified_views'),
        (dict(classified_views=(-1,)), 'classified_views'),
        (dict(loss=[ARB, ARB], regularizers=[Recorder(loss_name='loss_arb')]), 'different names in the log'),
        (dict(regularizers=[Recorder(loss_name='loss')]), 'different names in the log'),
        (dict(head_type=torch.nn.Linear), 'a classification head of mmpretrain'),
        (dict(head_type='VigClsHead', hidden_dim=4, regularizers=[Recorder()]), 'one linear layer'),
        (dict(head_type='StackedLinearClsHead', mid_channels=[K], regularizers=[Recorder()]), 'one linear layer'),
    ],
)
def test_faults_at_construction_are_named(more, expected):
    with pytest.raises(ValueError, match=expected):
        our_head(**more)


def test_what_the_hints_say_of_a_config_works():
    features, labels = batch()

    def trains(head):
        losses = head.loss(features, samples(labels))
        assert all(value.isfinite() for value in losses.values())
        return losses

    hinted("Give its type, e.g. head_type='LinearClsHead'.", lambda: our_head(head_type='ResNet'))
    trains(our_head(head_type='LinearClsHead'))
    hinted('Use the head itself.', lambda: our_head(head_type='ArcFaceClsHead'))
    trains(base_head(type='ArcFaceClsHead'))
    graph = dict(head_type='VigClsHead', hidden_dim=4)
    hinted('Leave classifier and regularizers out for this head.', lambda: our_head(**graph, regularizers=[Recorder()]))
    assert our_head(**graph).regularizers is None
    regression = dict(type='ltseg.DotRegressionLoss')
    hinted("Set classifier=dict(type='ltseg.ETFClassifier').", lambda: our_head(loss=regression))
    trains(our_head(loss=regression, classifier=dict(type='ltseg.ETFClassifier')))
    hinted('Give each its own loss_name.', lambda: our_head(regularizers=[Recorder(loss_name='loss')]))
    assert trains(our_head(regularizers=[Recorder(loss_name='loss_own')])).keys() == {'loss', 'loss_own'}


def test_faults_of_a_batch_are_named():
    features, labels = batch()
    with pytest.raises(ValueError, match='expected the views'):
        our_head(classified_views=(0, 1)).loss(features, samples(labels))
    hinted(
        'Let the data preprocessor give more views, or change classified_views.',
        lambda: our_head(classified_views=(0, 1)).loss(features, samples(labels)),
    )
    assert our_head(classified_views=(0, 1)).loss(batch(views=2)[0], samples(labels))['loss'].isfinite()
    assert our_head(classified_views=(0,)).loss(features, samples(labels))['loss'].isfinite()
    several = samples(labels)
    several[0].set_gt_label([0, 1])
    with pytest.raises(ValueError, match='one label for each image'):
        our_head().loss(features, several)
