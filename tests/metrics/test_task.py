"""Keys of both tasks."""

import pytest
from mmengine.config import Config

from ltseg.metrics.task import CLASSIFICATION, SEGMENTATION, TASKS, Task, task_of


@pytest.mark.parametrize('task', TASKS.values(), ids=list(TASKS))
def test_every_mean_has_one_key(task: Task) -> None:
    assert len(set(task.summary)) == len(task.summary)
    assert {task.overall, *task.axes, *task.headline} <= set(task.summary)
    assert {task.key(rate) for rate, _ in task.rates} | {task.overall} == set(task.means)


def test_keys_are_those_of_the_contract() -> None:
    groups = ('head', 'medium', 'tail')
    means = ('mIoU', 'mAcc', 'aAcc', 'mPrecision', *(f'mIoU_{group}' for group in groups))
    assert SEGMENTATION.summary == (*means, *(f'mAcc_{group}' for group in groups))
    assert set(CLASSIFICATION.summary) > {f'accuracy/{name}' for name in ('top1', 'many', 'medium', 'few')}


def test_names_of_classes_do_not_hide_means_or_each_other() -> None:
    names = ('few', 'crane', 'crane', 'cat')
    assert CLASSIFICATION.labels(names) == ['few (0)', 'crane (1)', 'crane (2)', 'cat']
    assert SEGMENTATION.labels(names) == ['few', 'crane (1)', 'crane (2)', 'cat']


@pytest.mark.parametrize('kind', [dict, Config])
def test_the_task_of_a_config_is_that_of_its_default_scope(kind: type) -> None:
    assert task_of(kind({'default_scope': 'mmpretrain'})) is CLASSIFICATION
    for scope in ('mmseg', 'ltseg', None):
        assert task_of(kind({'default_scope': scope})) is SEGMENTATION
    assert task_of(kind({})) is SEGMENTATION


@pytest.mark.parametrize('task', TASKS.values(), ids=list(TASKS))
def test_the_scope_of_a_task_gives_that_task(task: Task) -> None:
    assert task_of({'default_scope': task.scope}) is task
