"""Context-shift augmentation: the bank of contexts, and the classifier of two heads."""

import copy
import io

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.logging import MessageHub
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from two_processes import in_two_processes

from ltseg.core.context_shift import context_masks, on_contexts
from ltseg.datasets.exact_sampling import seed_everything
from ltseg.models.context_bank import ContextBank
from ltseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')
K, SHAPE = 5, (3, 8, 8)
CE = dict(type='ltseg.CrossEntropyLoss')
HEAD = dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=16, loss=CE)
MIXUP = dict(augments=[dict(type='Mixup', alpha=1.0)])


def model(**options):
    seed_everything(0)
    config = dict(
        type='ltseg.ContextShiftClassifier',
        backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=4),
        neck=dict(type='GlobalAveragePooling'),
        head=HEAD,
        bank_size=6,
        threshold=0.0,
        begin=0,
        image_shape=SHAPE,
    )
    return MODELS.build({**config, **options})


def samples(labels):
    from mmpretrain.structures import DataSample

    return [DataSample().set_gt_label(int(label)) for label in labels]


def batch(seed=0, number=8):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, *SHAPE, generator=generator), torch.randint(K, (number,), generator=generator)


def losses_of(classifier, seed=0, number=8):
    images, labels = batch(seed, number)
    seed_everything(seed)
    return classifier(images, samples(labels), mode='loss')


def held(bank):
    """The images and masks in a bank, in the order of its places."""
    return bank.keys.unflatten(1, (SHAPE[0] + 1, *SHAPE[1:])).split([SHAPE[0], 1], 1)


@pytest.fixture
def progress():
    """Simulates that a training run has come this far."""
    hub = MessageHub.get_current_instance()
    yield lambda **known: [hub.update_info(name, value) for name, value in known.items()]
    for name in ('epoch', 'max_epochs', 'iter', 'max_iters'):
        hub.runtime_info.pop(name, None)


def test_a_bank_gives_each_context_once_before_any_twice():
    bank = ContextBank(4, SHAPE)
    images, masks = torch.randn(4, *SHAPE), torch.rand(4, 1, *SHAPE[1:])
    bank.collect(images, masks, torch.arange(4))
    for number in (3, 4, 10):
        drawn, of_masks = bank.drawn(number)
        places = [next(i for i in range(4) if torch.equal(image, images[i])) for image in drawn]
        assert np.bincount(places, minlength=4).max() == -(-number // 4)
        assert torch.equal(of_masks, masks[places])


def test_an_empty_bank_leaves_images_as_they_are():
    bank, images = ContextBank(4, SHAPE), torch.randn(6, *SHAPE)
    assert torch.equal(on_contexts(images, *bank.drawn(6), share=1.0), images)


def test_what_is_drawn_depends_on_the_seed_alone():
    bank = ContextBank(30, SHAPE)
    bank.collect(torch.randn(30, *SHAPE), torch.rand(30, 1, *SHAPE[1:]), torch.zeros(30).long())
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(bank.drawn(5)[0])
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_a_bank_takes_no_image_that_is_left_out_or_not_finite():
    bank, images = ContextBank(4, SHAPE), torch.randn(4, *SHAPE)
    images[1, 0, 0, 0] = torch.nan
    bank.collect(images, torch.ones(4, 1, *SHAPE[1:]), torch.tensor([0, 1, -1, 3]))
    assert sorted(bank.labels.tolist()) == [-1, -1, 0, 3] and bank.keys.isfinite().all()


def test_loss_by_hand():
    """Contexts of the images as they occur, masks in evaluation, and two heads on one network."""
    classifier = model(shares=(0.2, 0.9)).train()
    reference, (images, labels) = copy.deepcopy(classifier), batch(3)
    losses = losses_of(classifier, 3)
    maps = reference.eval().backbone(images[::2])[0]
    masks, _ = context_masks(maps.detach(), reference.uniform_head.fc.weight.detach()[labels[::2]], SHAPE[1:])
    in_bank, their_masks = held(classifier.bank)
    order = [next(i for i in range(4) if torch.equal(image, images[2 * i])) for image in in_bank if image.any()]
    assert sorted(order) == [0, 1, 2, 3]
    torch.testing.assert_close(their_masks[in_bank.flatten(1).any(1)], masks[order])
    seed_everything(3)
    share, places = np.random.uniform(0.2, 0.9), torch.randperm(6)[:4]
    shifted = on_contexts(images[1::2], in_bank[places], their_masks[places], share)
    reference.train()
    logits = reference.head.fc(reference.backbone(shifted)[0].mean((2, 3)))
    torch.testing.assert_close(losses['loss'], F.cross_entropy(logits, labels[1::2]))
    logits = reference.uniform_head.fc(reference.backbone(images[::2])[0].mean((2, 3)))
    torch.testing.assert_close(losses['uniform.loss'], F.cross_entropy(logits, labels[::2]))


def test_the_bank_takes_images_that_the_first_head_knows():
    classifier = model(threshold=0.8, bank_size=40).train()
    with torch.no_grad():
        classifier.uniform_head.fc.bias[2] = 30.0  # all images are of class 2
        classifier.uniform_head.fc.weight.fill_(0.01)  # of which all that is active is evidence
    for seed in range(4):
        losses_of(classifier, seed)
    given = torch.cat([batch(seed)[1][::2] for seed in range(4)])
    found = classifier.bank.labels[classifier.bank.labels >= 0]
    assert found.tolist() == [2] * int((given == 2).sum()) and len(found)


def test_before_it_begins_only_the_first_head_learns(progress):
    classifier = model(begin=3).train()
    progress(epoch=2, max_epochs=5, iter=20, max_iters=50)
    losses = losses_of(classifier)
    sum(losses.values()).backward()
    assert losses['loss'] == 0 and (classifier.bank.labels == -1).all()
    assert all((p.grad == 0).all() for p in classifier.head.parameters())  # DistributedDataParallel waits for it
    assert all(p.grad.abs().sum() > 0 for p in classifier.backbone.parameters())
    progress(epoch=3)
    losses = losses_of(classifier)
    assert losses['loss'] > 0 and (classifier.bank.labels >= 0).sum() == 4


def test_training_that_ends_before_it_begins_is_refused(progress):
    progress(epoch=0, max_epochs=1, iter=20, max_iters=50)
    hinted('Set model.begin=0; training that counts iterations is one epoch.', lambda: losses_of(model(begin=3)))
    assert losses_of(model(begin=0).train())['loss'] > 0


def test_all_of_it_learns():
    classifier = model().train()
    sum(losses_of(classifier).values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in classifier.parameters())


def test_all_of_it_learns_in_mixed_precision():
    """Older versions of PyTorch keep the casts of weights that are made without gradient."""
    classifier = model().train()
    with torch.autocast('cpu', torch.bfloat16):
        total = sum(losses_of(classifier).values())
    total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in classifier.parameters())


@pytest.mark.parametrize('label', [-1, K])
def test_a_label_that_is_no_class_is_named(label):
    images, labels = batch()
    labels[0] = label
    with pytest.raises(ValueError, match=rf'expected classes 0..{K - 1} .*, got {label}'):
        model()(images, samples(labels), mode='loss')


def test_looking_for_contexts_leaves_no_trace_in_the_network():
    classifier = model().train()
    frozen = classifier.backbone.bn1.eval()
    training = [part.training for part in classifier.modules()]
    before = frozen.running_mean.clone()
    losses_of(classifier)
    assert [part.training for part in classifier.modules()] == training
    assert torch.equal(frozen.running_mean, before)
    assert classifier.backbone.layer1[0].bn1.num_batches_tracked == 2  # one of each sampler


def test_the_head_of_balanced_classes_predicts():
    classifier, (images, labels) = model().eval(), batch()
    logits = classifier.head.fc(classifier.backbone(images)[0].mean((2, 3)))
    torch.testing.assert_close(classifier(images), logits)
    found = classifier(images, samples(labels), mode='predict')
    assert [int(sample.pred_label) for sample in found] == logits.argmax(1).tolist()
    before = copy.deepcopy(classifier.bank.state_dict())
    losses_of(classifier)  # a validation loss
    assert all(torch.equal(value, before[name]) for name, value in classifier.bank.state_dict().items())


def test_images_as_they_occur_are_mixed_alone(progress):
    """Behind the bank, and not at the end of training."""
    progress(epoch=4, max_epochs=8, iter=40, max_iters=80)
    plain, mixed = (losses_of(model(**options).train()) for options in ({}, {'train_cfg': MIXUP}))
    assert torch.equal(plain['loss'], mixed['loss'])  # the same contexts before the same images
    assert not torch.allclose(plain['uniform.loss'], mixed['uniform.loss'])
    classifier = model(train_cfg=MIXUP, unmixed_epochs=3).train()
    losses_of(classifier)
    in_bank = held(classifier.bank)[0]
    assert all(any(torch.equal(image, other) for other in in_bank) for image in batch()[0][::2])
    for epoch, expected in ((4, mixed), (5, plain), (7, plain)):
        progress(epoch=epoch)
        torch.testing.assert_close(
            losses_of(model(train_cfg=MIXUP, unmixed_epochs=3).train())['uniform.loss'], expected['uniform.loss']
        )


def test_mixed_labels_by_hand():
    from mmpretrain.models.utils.batch_augments import Mixup

    classifier, (images, labels) = model(train_cfg=MIXUP, bank_size=1).train(), batch(2)
    reference, losses = copy.deepcopy(classifier), losses_of(classifier, 2)
    seed_everything(2)
    np.random.uniform(), torch.randperm(1)  # of the contexts
    np.random.choice(1)  # of the augmentations
    mixed, scores = Mixup(alpha=1.0)(images[::2], F.one_hot(labels[::2], K))
    logits = reference.uniform_head.fc(reference.backbone(mixed)[0].mean((2, 3)))
    torch.testing.assert_close(losses['uniform.loss'], F.cross_entropy(logits, scores))


def trained(classifier, seeds):
    optimizer = torch.optim.SGD(classifier.parameters(), 0.1)
    for seed in seeds:
        optimizer.zero_grad()
        sum(losses_of(classifier.train(), seed).values()).backward()
        optimizer.step()
    return classifier


def test_resumes_exactly_from_a_checkpoint():
    whole = trained(model(), range(5)).state_dict()
    stream = io.BytesIO()
    torch.save(trained(model(), range(3)).state_dict(), stream)
    stream.seek(0)
    resumed = model()
    resumed.load_state_dict(torch.load(stream))
    found = trained(resumed, range(3, 5)).state_dict()
    assert found.keys() == whole.keys() and 'bank.keys' in found
    assert all(torch.equal(value, whole[name]) for name, value in found.items())


def test_can_be_copied_and_pickled():
    classifier, stream = trained(model(train_cfg=MIXUP), range(2)), io.BytesIO()
    torch.save(classifier, stream)
    stream.seek(0)
    expected = losses_of(copy.deepcopy(classifier))
    found = losses_of(torch.load(stream, weights_only=False))
    assert found.keys() == expected.keys() and all(torch.equal(value, expected[name]) for name, value in found.items())


def with_fixed_statistics():
    """A classifier whose running statistics, those of each process, stay as they are."""
    classifier = model(begin=1, bank_size=10, threshold=0.2).train()
    for part in classifier.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 0.0
    return classifier


def in_each(rank, folder):
    """Three steps with half of each batch, of which the first is before the bank begins."""
    classifier, hub = with_fixed_statistics(), MessageHub.get_current_instance()
    wrapped = DistributedDataParallel(classifier)
    hub.update_info('max_epochs', 3)
    for epoch in range(3):
        hub.update_info('epoch', epoch)
        images, labels = (each.chunk(2)[rank] for each in batch(epoch, 16))
        seed_everything(epoch)
        sum(wrapped(images, samples(labels), mode='loss').values()).backward()
    torch.save(classifier.bank.state_dict(), f'{folder}/{rank}.pth')


def test_two_processes_have_the_bank_of_one(tmp_path, progress):
    in_two_processes(in_each, str(tmp_path))
    classifier = with_fixed_statistics()
    for epoch in range(3):
        progress(epoch=epoch, max_epochs=3)
        losses_of(classifier, epoch, 16)
    expected = classifier.bank.state_dict()
    assert (expected['labels'] >= 0).sum() > 0
    for rank in range(2):
        found = torch.load(tmp_path / f'{rank}.pth')
        assert torch.equal(found['labels'], expected['labels']) and torch.equal(found['place'], expected['place'])
        torch.testing.assert_close(found['keys'], expected['keys'])


def test_faults_and_their_hints():
    images, labels = batch()
    hinted(
        "Use an even batch_size and sampler=dict(type='ltseg.BilateralSampler', second=...).",
        lambda: model()(images[:3], samples(labels[:3]), mode='loss'),
    )
    assert model()(images[:4], samples(labels[:4]), mode='loss')['loss'].isfinite()
    hinted('Set model.image_shape=', lambda: model(image_shape=(3, 32, 32))(images, samples(labels), mode='loss'))
    assert model(image_shape=(3, 8, 8))(images, samples(labels), mode='loss')['loss'].isfinite()
    preprocessor = dict(type='ltseg.AugmentingClsPreprocessor', num_classes=K)
    hinted(
        'Move them to model.train_cfg, which mixes the images of one sampler alone.',
        lambda: model(data_preprocessor={**preprocessor, 'batch_augments': MIXUP}),
    )
    model(data_preprocessor=preprocessor, train_cfg=MIXUP)
    cosine = {**HEAD, 'classifier': dict(type='ltseg.CosineClassifier')}
    hinted('Set uniform_head to a config without classifier.', lambda: model(head=cosine))
    found = model(head=cosine, uniform_head=HEAD)(images, samples(labels), mode='loss')
    assert all(value.isfinite() for value in found.values())
    hinted(
        "Set neck=dict(type='GlobalAveragePooling'), or let a list of necks end with it.",
        lambda: model(neck=dict(type='GeneralizedMeanPooling')),
    )
    found = model(neck=[dict(type='ltseg.BottleneckNeck', in_channels=16), dict(type='GlobalAveragePooling')])
    assert found(images, samples(labels), mode='loss')['loss'].isfinite()


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        ({'bank_size': 0}, 'bank_size'),
        ({'threshold': 1.5}, 'threshold'),
        ({'begin': -1}, 'begin'),
        ({'shares': (0.5,)}, 'shares'),
        ({'shares': (0.9, 0.1)}, 'shares'),
        ({'image_shape': (3, 8)}, 'image_shape'),
        ({'image_shape': (3, 8, 0)}, 'image_shape'),
        ({'unmixed_epochs': -1}, 'unmixed_epochs'),
    ],
)
def test_arguments_are_checked(options, named):
    with pytest.raises(ValueError, match=f'ContextShiftClassifier.{named}'):
        model(**options)
