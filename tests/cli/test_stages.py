"""The configs of stages, and which of them are left to train."""

from pathlib import Path

import pytest
import torch
from hinted import hinted
from mmengine.config import Config

from ltseg.cli.stages import stages_of, stages_to_train
from ltseg.core.errors import UsageError


def config(folder: Path, **settings: object) -> Config:
    given = {
        'work_dir': str(folder),
        'model': {'head': {'loss': {'type': 'A', 'scale': 2}, 'channels': 8}},
        'train_cfg': {'max_epochs': 6},
        'custom_hooks': [],
        'load_from': 'pretrained.pth',
        'stages': [
            {'name': 'first'},
            {'name': 'second', 'model': {'head': {'loss': {'_delete_': True, 'type': 'B'}}}, 'train_cfg.max_epochs': 2},
            {'name': 'third', 'train_cfg': {'_delete_': True, 'by_epoch': False, 'max_iters': 4}},
        ],
    }
    return Config(given | settings)


def save(folder: Path, stage: str, **done: int) -> str:
    path = folder / stage / 'saved.pth'
    path.parent.mkdir(exist_ok=True)
    torch.save({'meta': done, 'state_dict': {}, 'message_hub': {}}, path)
    return str(path)


def test_changes_are_merged_as_those_of_a_config_that_inherits(tmp_path: Path) -> None:
    whole = config(tmp_path)
    first, second, third = stages_of(whole)
    assert first.model == whole.model and second.model.head == {'loss': {'type': 'B'}, 'channels': 8}
    assert [first.train_cfg, second.train_cfg] == [{'max_epochs': 6}, {'max_epochs': 2}]
    assert third.train_cfg == {'by_epoch': False, 'max_iters': 4}
    assert [Path(stage.work_dir) for stage in (first, second, third)] == [
        tmp_path / name for name in ('first', 'second', 'third')
    ]
    assert len({stage.experiment_name for stage in (first, second, third)}) == 3
    assert not any('stages' in stage for stage in (first, second, third)) and len(whole.stages) == 3


def test_extra_hooks_stand_beside_those_of_the_config_or_of_the_stage(tmp_path: Path) -> None:
    listed = [
        {'name': 'first'},
        {'name': 'second', 'extra_hooks': [{'type': 'B'}]},
        {'name': 'third', 'extra_hooks': [{'type': 'B'}], 'custom_hooks': [{'type': 'C'}]},
    ]
    stages = stages_of(config(tmp_path, stages=listed, custom_hooks=[{'type': 'A'}]))
    assert [[hook.type for hook in stage.custom_hooks] for stage in stages] == [['A'], ['A', 'B'], ['C', 'B']]
    assert not any('extra_hooks' in stage for stage in stages)


def test_a_config_without_stages_is_its_only_one(tmp_path: Path) -> None:
    plain = config(tmp_path, stages=None)
    assert stages_of(plain) == [plain]
    assert list(stages_to_train([plain], 'auto')) == [(plain, 'auto')]
    assert list(stages_to_train([plain], '/elsewhere/epoch_1.pth')) == [(plain, '/elsewhere/epoch_1.pth')]


@pytest.mark.parametrize(
    ('stages', 'expected'),
    [
        ([], 'a list of what each stage changes'),
        ({'name': 'a'}, 'a list of what each stage changes'),
        ([{'name': 'a'}, {'name': 'a'}], 'a name of its own'),
        ([{'name': 'a/b'}], 'a name of its own'),
        ([{'train_cfg': {}}], 'a name of its own'),
        (['first'], 'a name of its own'),
        (
            [{'name': 'a', 'modle': {}}],
            "stage 'a': expected changes of parts of the config, got 'modle'. Did you mean 'mo",
        ),
        ([{'name': 'a', 'custom_hooks.3.begin': 1}], "stage 'a': expected changes that fit"),
    ],
)
def test_faults(tmp_path: Path, stages: object, expected: str) -> None:
    with pytest.raises(UsageError) as error:
        stages_of(config(tmp_path, stages=stages))
    assert expected in str(error.value)


def test_each_stage_starts_from_the_last_checkpoint_of_the_one_before(tmp_path: Path) -> None:
    """The first one from what the config says. Checkpoints of an earlier run are not resumed without being asked."""
    stages = stages_of(config(tmp_path))
    save(tmp_path, 'second', epoch=2)
    started = []
    for stage, resume in stages_to_train(stages, None):
        started.append((stage.load_from, stage.get('resume', False), resume))
        newest = save(tmp_path, Path(stage.work_dir).name, epoch=9, iter=9)
        assert newest.startswith(stage.work_dir)
    paths = ['pretrained.pth', *(str(tmp_path / name / 'saved.pth') for name in ('first', 'second'))]
    assert started == [(path, False, None) for path in paths]


@pytest.mark.parametrize(
    ('done', 'expected'),
    [
        ({}, ['first', 'second', 'third']),
        ({'first': {'epoch': 5}}, ['first', 'second', 'third']),
        ({'first': {'epoch': 6}}, ['second', 'third']),
        ({'first': {'epoch': 6}, 'second': {'epoch': 1}}, ['second', 'third']),
        ({'first': {'epoch': 6}, 'second': {'epoch': 2}, 'third': {'iter': 3}}, ['third']),
        ({'first': {'epoch': 6}, 'second': {'epoch': 2}, 'third': {'iter': 4, 'epoch': 0}}, []),
    ],
)
@pytest.mark.parametrize('asked', ['auto', 'config'])
def test_resume_goes_on_in_the_stage_that_was_interrupted(
    tmp_path: Path, done: dict, expected: list, asked: str
) -> None:
    settings = {'resume': True, 'load_from': None} if asked == 'config' else {}
    stages = stages_of(config(tmp_path, **settings))
    for name, meta in done.items():
        save(tmp_path, name, **meta)
    left = []
    for stage, resume in stages_to_train(stages, 'auto' if asked == 'auto' else None):
        left.append(Path(stage.work_dir).name)
        assert resume == 'auto' and (stage is stages[0] or not stage.resume)
        save(tmp_path, left[-1], epoch=9, iter=9)
    assert left == expected


def test_resume_from_a_checkpoint_means_its_stage(tmp_path: Path) -> None:
    stages = stages_of(config(tmp_path))
    path = save(tmp_path, 'first', epoch=6), save(tmp_path, 'second', epoch=1)
    left = [(Path(stage.work_dir).name, resume) for stage, resume in stages_to_train(stages, path[1])]
    assert left == [('second', path[1]), ('third', None)]
    with pytest.raises(UsageError, match='in the folder of a stage'):
        next(stages_to_train(stages, str(tmp_path / 'saved.pth')))


def test_a_stage_needs_the_one_before(tmp_path: Path) -> None:
    left = stages_to_train(stages_of(config(tmp_path)), None)
    next(left)
    hinted('Keep default_hooks.checkpoint as it is.', lambda: next(left))
    left = stages_to_train(stages_of(config(tmp_path)), None)
    next(left)
    path = save(tmp_path, 'first', epoch=6, iter=12)  # as its checkpoint hook does
    second, _ = next(left)
    assert second.load_from == path


def test_a_checkpoint_to_resume_that_the_config_names_is_left_to_mmengine(tmp_path: Path) -> None:
    stages = stages_of(config(tmp_path, resume=True))
    stage, resume = next(stages_to_train(stages, None))
    assert (stage.resume, stage.load_from, resume) == (True, 'pretrained.pth', None)


def test_the_name_of_an_experiment_is_that_of_the_config_with_the_stage(tmp_path: Path) -> None:
    stages = stages_of(config(tmp_path, experiment_name='mine'))
    assert [stage.experiment_name for stage in stages] == ['mine_first', 'mine_second', 'mine_third']


def test_a_stage_waits_for_the_process_that_writes_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('ltseg.cli.stages.barrier', lambda: save(tmp_path, 'first', epoch=6))
    left = stages_to_train(stages_of(config(tmp_path)), None)
    next(left)
    assert next(left)[0].load_from == str(tmp_path / 'first/saved.pth')
