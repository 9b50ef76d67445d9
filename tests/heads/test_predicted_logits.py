"""The classifier of a model is found, and the logits behind an image classifier's predictions are those it made."""

from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import ConfigDict
from torch import nn

from ltseg.core.posthoc import log_prior_of, posthoc_logits
from ltseg.core.tau_norm import normalized_logits, weight_norms
from ltseg.heads.folding import check_foldable, fold_norm, fold_prior
from ltseg.heads.predicted_logits import class_scores, classifier_of, linear_classifier_of

PRIOR = log_prior_of(torch.tensor([1000, 100, 10, 1]))
pytestmark = pytest.mark.usefixtures('classification')


@pytest.fixture
def classification(mmseg_registered: None) -> None:
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=True)


def classifier(**head: Any) -> Any:
    from mmpretrain.registry import MODELS

    torch.manual_seed(0)
    model = {
        'type': 'ImageClassifier',
        'data_preprocessor': {'mean': [127.5] * 3, 'std': [64.0] * 3},
        'backbone': {'type': 'ltseg.CIFARResNet', 'depth': 20},
        'neck': {'type': 'GlobalAveragePooling'},
        'head': {'type': 'LinearClsHead', 'num_classes': 4, 'in_channels': 64, **head},
    }
    made = MODELS.build(ConfigDict(model)).eval()
    for layer in made.head.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.05)
            nn.init.normal_(layer.bias)
    return made


def batch() -> dict[str, Any]:
    from mmpretrain.structures import DataSample

    images = torch.randint(0, 255, (6, 3, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return {'inputs': list(images), 'data_samples': [DataSample().set_gt_label(0) for _ in images]}


def scores(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack([result.pred_score for result in model.test_step(batch())])


@pytest.mark.parametrize(
    ('head', 'key'),
    [
        ({}, 'head.fc'),
        ({'type': 'ltseg.LongTailClsHead'}, 'head.fc'),
        ({'type': 'StackedLinearClsHead', 'mid_channels': [8]}, 'head.layers.1.fc'),
        ({'type': 'VisionTransformerClsHead'}, 'head.layers.head'),
    ],
)
def test_the_last_layer_is_found(head: dict[str, Any], key: str) -> None:
    found, layer = linear_classifier_of(classifier(**head))
    assert found == key and layer.out_features == 4


@torch.no_grad()
def test_logits_are_those_behind_the_predictions() -> None:
    model = classifier()
    logits, exact, results = class_scores(model, batch())
    assert exact and len(results) == 6
    assert torch.allclose(logits.softmax(1), scores(model))
    assert not model.head.fc._forward_hooks


@torch.no_grad()
def test_sure_predictions_do_not_hide_another_head() -> None:
    """Probabilities of 0 and 1 are the softmax of many logits."""
    model = classifier()
    model.head.fc.weight *= 100
    assert scores(model).amax(1).mean() > 0.99 and class_scores(model, batch())[1]
    forward = model.head.forward
    model.head.forward = lambda feats: 2 * forward(feats)
    assert not class_scores(model, batch())[1]


@torch.no_grad()
def test_other_heads_give_the_logarithms_of_their_predictions() -> None:
    model = classifier()
    forward = model.head.forward
    model.head.forward = lambda feats: 2 * forward(feats)
    logits, exact, _ = class_scores(model, batch())
    assert not exact and torch.allclose(logits.softmax(1), scores(model))


@pytest.mark.parametrize('tau', [-0.5, 1.0])
def test_folded_prior_and_norm_predict_what_the_adjustment_does(tau: float) -> None:
    with torch.no_grad():
        before = class_scores(classifier(), batch())[0]
    model = classifier()
    assert fold_prior(model, PRIOR, tau, batch()) == 'head.fc.bias'
    assert torch.allclose(scores(model), posthoc_logits(before, PRIOR, tau).softmax(1), atol=1e-6)
    model = classifier()
    norms, bias = weight_norms(model.head.fc.weight), model.head.fc.bias.detach().clone()
    assert fold_norm(model, tau, batch()) == ['head.fc.weight', 'head.fc.bias']
    assert torch.allclose(scores(model), normalized_logits(before, norms, bias, tau).softmax(1), atol=1e-6)
    assert not model.head.fc.bias.any()


def test_tau_zero_folds_nothing() -> None:
    model = classifier()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    fold_norm(model, 0.0, batch())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_heads_that_cannot_be_folded_are_refused_and_left_alone() -> None:
    model = classifier()
    forward = model.head.forward
    model.head.forward = lambda feats: 2 * forward(feats)
    weight = model.head.fc.weight.clone()
    with pytest.raises(ValueError, match='head.fc: expected a head that predicts the softmax of its last layer'):
        fold_norm(model, 1.0, batch())
    assert torch.equal(model.head.fc.weight, weight)
    cosine = classifier(type='ltseg.LongTailClsHead', classifier={'type': 'ltseg.CosineClassifier'})
    with pytest.raises(ValueError, match='head.fc: expected a linear layer, got .CosineClassifier.'):
        check_foldable(cosine, 'a.pth', 'b.pth', 'norm')
    with pytest.raises(ValueError, match='fc has a bias'):
        check_foldable(cosine, 'a.pth', 'b.pth', 'prior')
    with pytest.raises(ValueError, match='one last layer'):
        classifier_of(nn.Identity())


@torch.no_grad()
def test_the_outputs_of_what_cannot_be_folded_can_be_adjusted() -> None:
    model, several = classifier(), classifier(type='StackedLinearClsHead', mid_channels=[4])
    forward = model.head.forward
    model.head.forward = lambda feats: 2 * forward(feats)
    hinted('Adjust its outputs instead.', lambda: fold_norm(model, 1.0, batch()))
    hinted('Adjust its outputs instead.', lambda: classifier_of(nn.Identity()))
    for each in (model, several):
        logits, exact, _ = class_scores(each, batch())
        assert not exact
        posterior, expected = posthoc_logits(logits, PRIOR, 1.0).softmax(1), scores(each) / PRIOR.exp().float()
        torch.testing.assert_close(posterior, expected / expected.sum(1, keepdim=True))


@torch.no_grad()
def test_lengths_of_class_vectors_are_nothing_to_adjust_in_a_cosine_classifier() -> None:
    cosine = classifier(type='ltseg.LongTailClsHead', classifier={'type': 'ltseg.CosineClassifier'})
    hinted('There is nothing to adjust.', lambda: linear_classifier_of(cosine))
    before = scores(cosine)
    cosine.head.fc.weight *= torch.tensor([[1.0], [2.0], [5.0], [0.3]])
    torch.testing.assert_close(scores(cosine), before)


def test_a_layer_without_a_bias_is_folded_by_its_weight_alone() -> None:
    model = classifier()
    model.head.fc.bias = None
    with torch.no_grad():
        before = class_scores(model, batch())[0]
    norms = weight_norms(model.head.fc.weight)
    assert fold_norm(model, 1.0, batch()) == ['head.fc.weight']
    assert torch.allclose(scores(model), normalized_logits(before, norms, None, 1.0).softmax(1), atol=1e-6)


def test_of_several_decode_heads_the_last_one_classifies() -> None:
    model = nn.Module()
    model.decode_head = nn.ModuleList([nn.Module(), nn.Module()])
    for head in model.decode_head:
        head.conv_seg = nn.Conv2d(3, 4, 1)
    assert classifier_of(model) == ('decode_head.1.conv_seg', model.decode_head[1].conv_seg)


@torch.no_grad()
def test_without_a_single_last_layer_scores_are_the_logarithms_of_the_predictions() -> None:
    model = classifier(type='StackedLinearClsHead', mid_channels=[4])
    logits, exact, _ = class_scores(model, batch())
    assert not exact and torch.allclose(logits.exp(), scores(model))


class OneLayer(nn.Module):
    """A classifier with MMPretrain's interface whose predictions are those that it is given."""

    def __init__(self, logits: torch.Tensor, predicted: torch.Tensor) -> None:
        super().__init__()
        self.head = nn.Module()
        self.head.classifier = nn.Identity()
        self.logits, self.predicted = logits, predicted

    def test_step(self, batch: None) -> list[Any]:
        from mmpretrain.structures import DataSample

        self.head.classifier(self.logits)
        return [DataSample().set_pred_score(row) for row in self.predicted]


def is_softmax(logits: torch.Tensor, predicted: torch.Tensor) -> bool:
    found, exact, _ = class_scores(OneLayer(logits, predicted), None)
    assert torch.equal(found, logits if exact else predicted.log())
    return exact


@pytest.mark.parametrize(
    ('times', 'exact'), [(1.0102, True), (0.9898, True), (1.0104, False), (0.9896, False)], ids=repr
)
def test_unlikely_predictions_are_a_softmax_within_a_hundredth_of_their_logarithm(times: float, exact: bool) -> None:
    """0.01 + 0.01 * 40 for a logarithm of -40."""
    logits = torch.tensor([[0.0, -40.0], [0.0, 0.0]])
    scaled = logits * torch.tensor([[times], [1.0]])
    assert is_softmax(logits, scaled.softmax(1)) == exact


@pytest.mark.parametrize(('apart', 'exact'), [(0.0099, True), (-0.0099, True), (0.0102, False), (-0.0102, False)])
def test_likely_predictions_are_a_softmax_within_a_hundredth(apart: float, exact: bool) -> None:
    predicted = torch.tensor([[0.9999, 0.0001]])
    assert is_softmax(predicted.log(), predicted * torch.tensor([1 + apart, 1.0])) == exact


def test_what_float32_has_no_number_for_is_no_reason_against_a_softmax() -> None:
    logits = torch.tensor([[0.0, -200.0]])
    assert logits.softmax(1)[0, 1] == 0
    assert is_softmax(logits, logits.softmax(1))


def test_every_image_must_agree() -> None:
    logits = torch.tensor([[2.0, 0.0], [3.0, 1.0]])
    predicted = logits.softmax(1)
    assert is_softmax(logits, predicted)
    assert not is_softmax(logits, torch.stack([predicted[0], predicted[1].flip(0)]))
