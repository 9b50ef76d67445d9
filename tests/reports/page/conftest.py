"""Runs to make pages of."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import CLASSIFICATION
from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.page.page import render_page
from ltseg.reports.record import RunRecord
from ltseg.reports.runs import Run

HOSTILE = '<script>alert("$x$")</script> & \'co'
NAMES = ('road', 'car', HOSTILE, 'bus')
COUNTS = torch.tensor([7000, 2000, 600, 30])
CE = [[940, 50, 10, 0], [60, 900, 40, 0], [20, 130, 50, 0], [5, 15, 10, 0]]
ARB = [[840, 80, 50, 30], [30, 850, 80, 40], [10, 40, 140, 10], [2, 4, 4, 20]]


def record_of(method: str, matrix: Sequence[Sequence[int]], seed: int, **fields) -> RunRecord:
    """A record; each seed has a few more samples of the first class right."""
    counted = torch.tensor(matrix)
    counted[0, 0] += seed
    evaluation = Evaluation(counted, NAMES, ClassGroups.tertiles(COUNTS), COUNTS, 'the training labels')
    known = {'model': 'U-Net', 'dataset': 'CamVid', 'split': 'test', 'iterations': 400, 'versions': {'python': '3'}}
    return RunRecord(name=f'{method} {seed}', method=method, seed=seed, evaluation=evaluation, **(known | fields))


def point(quality: float, fairness: float, **more: float) -> dict[str, float]:
    return {'mIoU': quality, 'mAcc': fairness, 'mIoU_tail': quality / 2, **more}


@pytest.fixture(scope='session')
def make_study() -> Callable[..., Comparison]:
    """Makes a study of two methods with as many seeds as are asked for; the second favours rare classes."""

    def make(seeds: int = 2, methods: int = 2, **fields) -> Comparison:
        made = (('cross entropy', CE), ('ARB', ARB))[:methods]
        curve = [point(40, 50, tau=-1), point(45, 60, tau=0), point(42, 70, tau=1)]
        given = {'tau_curve': curve, 'curves': {'val': [point(30, 40, iteration=200), point(45, 60, iteration=400)]}}
        runs = [
            Run(record_of(method, matrix, seed, **(given | fields)), Path(f'{method}-{seed}.json'))
            for method, matrix in made
            for seed in range(seeds)
        ]
        return compare(runs)

    return make


CITY = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign', 'vegetation',
        'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle')  # fmt: skip
METHODS = (
    *('cross entropy', 'balanced softmax', 'logit adjustment (tau 1)', 'class-balanced, beta 0.9999', 'ARB (batch)'),
    'seesaw',
)


@pytest.fixture(scope='session')
def make_large_study() -> Callable[..., Comparison]:
    """Makes a study of up to six methods and of many classes, of which some have an IoU of 0 with every method."""

    def make(methods: int = 6, classes: int = 19, zeros: int = 10) -> Comparison:
        counts = (1e6 * torch.linspace(0, -6, classes).exp()).long()
        names = tuple((*CITY, *(f'class {index}' for index in range(len(CITY), classes)))[:classes])
        runs = []
        for place, method in enumerate(METHODS[:methods]):
            right = torch.linspace(0.95, 0.2 + 0.05 * place, classes)
            right[classes - zeros :] = 0
            matrix = (right.diag() * 1000).long()
            matrix[:, 0] += 1000 - matrix.sum(1)
            evaluation = Evaluation(matrix, names, ClassGroups.tertiles(counts), counts, 'the training labels')
            record = RunRecord(
                name=method, method=method, model='U-Net', dataset='Cityscapes', split='val', seed=0,
                evaluation=evaluation, versions={'python': '3'},
                tau_curve=[point(40 + place, 50, tau=-1), point(45 + place, 60, tau=0), point(42 + place, 70, tau=1)],
                curves={'val': [point(30, 40, iteration=200), point(45 + place, 60, iteration=400)]},
            )  # fmt: skip
            runs.append(Run(record, Path(f'{method}.json')))
        return compare(runs)

    return make


@pytest.fixture(scope='session')
def page_of_many(many_classes: Comparison) -> str:
    """Their page, which takes a while to draw."""
    return render_page(many_classes)


@pytest.fixture(scope='session')
def many_classes() -> Comparison:
    """A study of 150 classes, three seeds of two methods."""
    random, size = torch.Generator().manual_seed(0), 150
    counts = (1e7 * torch.linspace(0, -9, size).exp()).long()
    names = tuple(f'class {index} {"with a long name" * (index % 9 == 0)}' for index in range(size))
    runs = []
    for shift, method in enumerate(('cross entropy', 'ARB')):
        for seed in range(3):
            right = torch.linspace(0.9, 0.3 + 0.3 * shift, size) + 0.03 * torch.randn(size, generator=random)
            wrong = torch.rand(size, size, generator=random) ** 6
            rates = wrong / wrong.sum(1, keepdim=True) * (1 - right)[:, None] + right.diag()
            matrix = (rates * (counts / 50 + 1)[:, None]).long()
            evaluation = Evaluation(matrix, names, ClassGroups.tertiles(counts), counts, 'the training labels')
            record = RunRecord(
                name=f'{method} {seed}', method=method, model='UPerNet', dataset='ADE20K', split='val', seed=seed,
                evaluation=evaluation, versions={},
            )  # fmt: skip
            runs.append(Run(record, Path(f'{method}-{seed}.json')))
    return compare(runs)


@pytest.fixture(scope='session')
def as_classification() -> Callable[[Comparison], Comparison]:
    """Makes the same counts those of image classifiers."""

    def turned(run: Run) -> Run:
        known = run.record.evaluation
        groups = replace(known.groups, names=CLASSIFICATION.group_names)
        return Run(replace(run.record, evaluation=replace(known, task=CLASSIFICATION, groups=groups)), run.path)

    return lambda study: compare([turned(run) for method in study.methods for run in method.runs])
