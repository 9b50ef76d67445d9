"""Experts are loaded, measured and shown to the loss, stay as they are, and nothing else of training changes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from small_training import training
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from two_processes import in_two_processes

from ltseg.core.errors import LtsegError
from ltseg.hooks.learn_from_experts import LearnFromExperts, _outcomes
from ltseg.losses import LFMELoss
from ltseg.registry import MODELS
from ltseg.trained.experts import Expert, check_partition, load_expert

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')

CLASSES = ('cat', 'dog', 'owl', 'yak', 'emu')
GROUPS = {'many': ('dog', 'cat'), 'few': ('owl', 'emu', 'yak')}
COUNTS = [5, 4, 2, 1, 1]
RECALL = {'type': 'ltseg.ValidationRecall', 'rate': 'Acc'}
LFME = {'type': 'ltseg.LFMELoss', 'counts': COUNTS}


def network(number: int, loss: dict) -> dict[str, Any]:
    return dict(
        type='mmpretrain.ImageClassifier',
        backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=dict(type='ltseg.LongTailClsHead', in_channels=8, num_classes=number, loss=loss),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', mean=[0.5] * 3, std=[0.3] * 3),
    )


def write_experts(folder: Path, groups: Any = GROUPS) -> list[str]:
    """Checkpoints as training runs of experts leave them, with statistics of normalisations that are used."""
    paths = []
    for seed, (name, classes) in enumerate(groups.items()):
        torch.manual_seed(seed)
        model: Any = MODELS.build(network(len(classes), dict(type='ltseg.CrossEntropyLoss')))
        model.train()(torch.rand(8, 3, 8, 8))
        paths.append(str(folder / f'{name}.pth'))
        torch.save({'state_dict': model.state_dict(), 'meta': {'dataset_meta': {'classes': classes}}}, paths[-1])
    return paths


class Images(list):
    metainfo = {'classes': CLASSES}


def images(seed: int, labels: Tensor) -> Images:
    from mmpretrain.structures import DataSample

    pixels = torch.rand(len(labels), 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    pairs = zip(pixels, labels, strict=True)
    return Images({'inputs': image, 'data_samples': DataSample().set_gt_label(label)} for image, label in pairs)


def settings() -> dict[str, Any]:
    loader = dict(batch_size=5, num_workers=0, collate_fn=dict(type='pseudo_collate'))
    train, val = torch.arange(5).repeat_interleave(torch.tensor(COUNTS)), torch.arange(20) % 5
    return dict(
        train_dataloader=dict(loader, dataset=images(0, train), sampler=dict(type='DefaultSampler', shuffle=True)),
        val_dataloader=dict(loader, dataset=images(1, val), sampler=dict(type='DefaultSampler', shuffle=False)),
        val_cfg={},
        val_evaluator=dict(type='ltseg.LongTailAccuracy', counts=COUNTS),
    )


def student(loss: dict = LFME) -> Any:
    torch.manual_seed(5)
    return MODELS.build(network(5, loss))


def trained(folder: Path, paths: list[Any], *hooks: dict, loss: dict = LFME, **changes: Any) -> Any:
    """The runner behind a training run."""
    hook = {'type': 'ltseg.LearnFromExperts', 'experts': paths, 'model': network(5, LFME)}
    runner = training(folder, student(loss), RECALL, hook, *hooks, **{**settings(), **changes})
    runner.train()
    return runner


def expert_of(path: str) -> Any:
    content = torch.load(path, weights_only=True)
    number = len(content['meta']['dataset_meta']['classes'])
    model: Any = MODELS.build(network(number, dict(type='ltseg.CrossEntropyLoss')))
    model.load_state_dict(content['state_dict'])
    return model.eval()


def test_measures_the_experts_of_their_own_classes(tmp_path: Path) -> None:
    paths = write_experts(tmp_path)
    loss = trained(tmp_path / 'run', paths, epochs=1).model.head.loss_module
    for path, classes, accuracy in zip(paths, GROUPS.values(), loss.accuracies, strict=True):
        expert, right = expert_of(path), []
        for sample in settings()['val_dataloader']['dataset']:
            name = CLASSES[int(sample['data_samples'].gt_label)]
            if name in classes:
                logits = expert((sample['inputs'][None] - 0.5) / 0.3, mode='tensor')
                right.append(classes[int(logits.argmax())] == name)
        assert accuracy.item() == pytest.approx(sum(right) / len(right))
    assert 0 < loss.accuracies.max() <= 1


def test_shows_them_what_the_model_sees_and_leaves_them_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmpretrain.models import ImageClassifier

    paths, lessons, inputs = write_experts(tmp_path), [], []
    prepare, losses = LFMELoss.prepare, ImageClassifier.loss

    def noting_lessons(loss: LFMELoss, *arguments: Any) -> Any:
        lessons.append(loss.lessons)
        return prepare(loss, *arguments)

    def noting_inputs(model: Any, images: Tensor, samples: list) -> Any:
        inputs.append(images)
        return losses(model, images, samples)

    monkeypatch.setattr(LFMELoss, 'prepare', noting_lessons)
    monkeypatch.setattr(ImageClassifier, 'loss', noting_inputs)
    model = trained(tmp_path / 'run', paths, epochs=2).model
    assert len(lessons) == 6 and model.head.loss_module.lessons is None
    for given, of_experts in zip(inputs, lessons, strict=True):
        for path, lesson in zip(paths, of_experts, strict=True):
            torch.testing.assert_close(lesson, expert_of(path)(given, mode='tensor').detach())
            assert not lesson.requires_grad
    saved = torch.load(tmp_path / 'run/epoch_2.pth', weights_only=False)['state_dict']
    assert saved.keys() == student().state_dict().keys()
    assert not model._forward_pre_hooks


def test_training_is_that_of_cross_entropy_where_nothing_is_learned_of_them(tmp_path: Path) -> None:
    paths = write_experts(tmp_path)
    nothing = trained(tmp_path / 'lfme', paths, epochs=2, loss={**LFME, 'distillation': 0.0, 'pace': None})
    plain = training(tmp_path / 'plain', student(dict(type='ltseg.CrossEntropyLoss')), epochs=2, **settings())
    plain.train()
    other = nothing.model.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in plain.model.state_dict().items())
    lfme = trained(tmp_path / 'both', paths, epochs=2).model.state_dict()
    assert not torch.equal(lfme['head.fc.weight'], other['head.fc.weight'])


@pytest.mark.parametrize('done', [1, 2])
def test_resumed_training_is_the_same(tmp_path: Path, done: int) -> None:
    paths, exact = write_experts(tmp_path), {'type': 'ltseg.ExactResume'}
    whole = trained(tmp_path / 'whole', paths, exact).model
    start = {'load_from': str(tmp_path / f'whole/epoch_{done}.pth'), 'resume': True}
    resumed = trained(tmp_path / 'resumed', paths, exact, **start).model
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in resumed.state_dict().items())
    counts = resumed.head.loss_module.count(torch.zeros(1, 5), torch.zeros(1).long(), 255)
    weights = resumed.head.loss_module.expert_weights(counts)
    assert torch.equal(weights, whole.head.loss_module.expert_weights(counts))


class Counter(BaseModel):
    """Takes an image for the class that its one pixel says."""

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Tensor:
        return -(inputs.view(-1, 1) - torch.arange(2)).abs()


def measured() -> Tensor:
    from mmpretrain.structures import DataSample

    data = [
        {'inputs': torch.tensor([x]), 'data_samples': DataSample().set_gt_label(y)}
        for x, y in [(0.0, 1), (1.0, 1), (1.0, 3), (0.0, 0), (1.0, 2), (0.0, 3), (1.0, 0)]
    ]
    loader = DataLoader(data, batch_size=2, collate_fn=lambda batch: {
        'inputs': torch.stack([each['inputs'] for each in batch]),
        'data_samples': [each['data_samples'] for each in batch]})  # fmt: skip
    experts = [Expert(str(k), Counter(), torch.tensor(k)) for k in ([1, 3], [0, 2])]
    runner: Any = SimpleNamespace(model=Counter(), val_loop=SimpleNamespace(dataloader=loader))
    return _outcomes(experts, runner)


def _agree(rank: int) -> None:
    assert measured().tolist() == [[1, 1, 1, 1], [1, 1, 0, 1]]


def test_two_processes_measure_what_one_does() -> None:
    """Of an odd number of images, none twice."""
    _agree(0)
    in_two_processes(_agree)


def test_a_segmentor_as_expert(mmseg_registered: None) -> None:
    """Its logits have the size of the images; its pixels are counted one by one, without those of other experts."""

    class Segmentor(BaseModel):
        decode_head = SimpleNamespace(align_corners=False)

        def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
            logits = F.avg_pool2d(inputs[:, :2], 2)
            if mode == 'tensor':
                return logits
            for sample in data_samples:
                sample.pred_sem_seg = PixelData(data=sample.guess[None])
            return data_samples

    from mmseg.structures import SegDataSample

    inputs = torch.rand(2, 3, 6, 8)
    expert = Expert('pixels', Segmentor(), torch.tensor([3, 1]))
    expected = F.interpolate(F.avg_pool2d(inputs[:, :2], 2), (6, 8), mode='bilinear')
    torch.testing.assert_close(expert.logits(inputs), expected)
    data = []
    for labels, guess in (([[3, 3], [1, 0]], [[0, 1], [1, 1]]), ([[255, 1]], [[0, 0]])):
        sample = SegDataSample(gt_sem_seg=PixelData(data=torch.tensor([labels], dtype=torch.uint8)))
        sample.guess = torch.tensor(guess)
        data.append(sample)
    assert expert.outcomes(inputs, data, num_classes=4).tolist() == [[0, 1, 0, 1], [0, 1, 0, 1]]


class Runs:
    """Runs code when a file with it is unpickled."""

    def __reduce__(self) -> tuple:
        return exec, ("raise SystemExit('code was run')",)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    path, *_ = write_experts(tmp_path)
    content = torch.load(path, weights_only=True)
    for place in ({'state_dict': content['state_dict'], 'meta': Runs()}, Runs(), {**content, 'extra': [Runs()]}):
        torch.save(place, path)
        with pytest.raises(LtsegError, match='expected tensors, numbers and text'):
            load_expert(path, network(5, LFME), CLASSES)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: [], 'a list'),
        (lambda c: {**c, 'state_dict': {k: v for k, v in c['state_dict'].items() if 'fc' not in k}}, 'without head.fc'),
        (lambda c: {**c, 'meta': {'dataset_meta': {'classes': ('dog', 'cat', 'owl')}}}, r'of shape \(2, 8\)'),
        (lambda c: {**c, 'meta': {'dataset_meta': {'classes': ('dog', 'dog')}}}, "got 'dog'"),
        (lambda c: {**c, 'meta': {'dataset_meta': {'classes': ()}}}, 'got none'),
        (lambda c: {**c, 'meta': {'dataset_meta': {'classes': ('dog', 'cow')}}}, "got 'cow'"),
        (lambda c: {**c, 'meta': {'dataset_meta': {'classes': ('dog', 7)}}}, 'the names of its classes'),
        (lambda c: {**c, 'meta': {'dataset_meta': ['dog', 'cat']}}, 'the names of its classes'),
        (lambda c: {**c, 'meta': ['dog']}, 'meta: expected a dict'),
    ],
)  # fmt: skip
def test_a_file_of_another_model_or_of_other_classes_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    path, *_ = write_experts(tmp_path)
    torch.save(change(torch.load(path, weights_only=True)), path)
    with pytest.raises(LtsegError, match=message):
        load_expert(path, network(5, LFME), CLASSES)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path, *_ = write_experts(tmp_path)
    Path(path).write_bytes(Path(path).read_bytes()[:1000])
    with pytest.raises(LtsegError, match='many.pth'):
        load_expert(path, network(5, LFME), CLASSES)


def test_an_expert_that_gives_no_logits_is_refused() -> None:
    class Pair(BaseModel):
        def forward(self, inputs: Tensor, mode: str) -> Any:
            return inputs, inputs

    with pytest.raises(ValueError, match=r'expert masks: expected logits \(N, K\) or .*, got a tuple'):
        Expert('masks', Pair(), torch.tensor([0, 1])).logits(torch.rand(1, 3, 4, 4))


@pytest.mark.parametrize(
    'experts',
    [[], None, 'many.pth', [7], [dict(classes=['dog'])], [dict(checkpoint='a', clases=['dog'])], [dict(checkpoint=5)]],
)
def test_a_list_that_is_none_is_refused(experts: Any) -> None:
    with pytest.raises(ValueError, match='LearnFromExperts.experts: expected a list of checkpoints'):
        LearnFromExperts(experts)


def test_what_the_hints_say_trains(tmp_path: Path) -> None:
    """Each fault ends before the first iteration."""
    many, few = write_experts(tmp_path)

    def runs(number: str, paths: list[Any], **changes: Any) -> Any:
        return trained(tmp_path / number, paths, epochs=1, **changes)

    hinted('Train the expert first, as the header of its config says, or name its checkpoint.',
           lambda: runs('0', [many, 'work_dirs/none.pth']))  # fmt: skip
    hinted('Train the experts on groups that hold each class once, and name one expert for each group.',
           lambda: runs('1', [many]))  # fmt: skip
    (both,) = write_experts(tmp_path, {'both': ('cat', 'emu')})
    with pytest.raises(ValueError, match=r"each class in one expert, got 'cat' in .*many.pth and .*both.pth"):
        runs('2', [many, few, both])
    (other,) = write_experts(tmp_path, {'other': ('dog', 'cow')})
    hinted('Give an expert that was trained on some of these classes.', lambda: runs('3', [other, few]))
    hook = {'type': 'ltseg.LearnFromExperts', 'experts': [many, few]}
    plain = student(dict(type='ltseg.CrossEntropyLoss'))
    hinted("Give the head the loss dict(type='ltseg.LFMELoss'), or remove the hook.",
           lambda: training(tmp_path / '4', plain, hook, **settings()).train())  # fmt: skip
    hinted("Add dict(type='ltseg.ValidationRecall', rate='Acc') to custom_hooks.",
           lambda: training(tmp_path / '5', student(), {**RECALL, 'rate': 'IoU'}, hook, **settings()).train()
    )  # fmt: skip
    hinted('Give LearnFromExperts(model=dict(...)), the config of the experts.',
           lambda: training(tmp_path / '6', student(), RECALL, hook, **settings()).train())  # fmt: skip
    content = torch.load(many, weights_only=True)
    torch.save(content['state_dict'], many)
    hinted("Name them: experts=[dict(checkpoint='...', classes=['...', '...'])].", lambda: runs('7', [many, few]))
    assert runs('8', [dict(checkpoint=many, classes=['dog', 'cat']), few]).iter == 3


def test_a_partition_is_of_all_classes() -> None:
    experts = [Expert(str(k), None, torch.tensor(k)) for k in ([1, 3], [0, 2])]
    check_partition(experts, CLASSES[:4])
    with pytest.raises(ValueError, match="'emu' in none of them"):
        check_partition(experts, CLASSES)
