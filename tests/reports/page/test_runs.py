import json
from dataclasses import replace
from pathlib import Path

import pytest

from ltseg.reports.record import RunRecord
from ltseg.reports.runs import Run, find_runs


@pytest.fixture
def record(make_study) -> RunRecord:
    return make_study(seeds=1).methods[0].runs[0].record


@pytest.fixture
def work_dir(record: RunRecord, tmp_path: Path) -> Path:
    """A work dir with a training run that was resumed, and a log whose last line was cut off."""
    for split in ('train', 'val', 'test'):
        replace(record, split=split).save(tmp_path / f'run/records/{split}.json')
    for start, lines in (('1', [(50, 3.0), (100, 2.0)]), ('2', [(100, 1.5), (150, 1.0)])):
        folder = tmp_path / f'run/2026_{start}/vis_data'
        folder.mkdir(parents=True)
        points = [json.dumps({'step': step, 'loss': loss}) for step, loss in lines]
        (folder / 'scalars.json').write_text('\n'.join([*points, '[1]', '{"step": 160, "lo']))
        (folder / 'config.py').write_text(f"model = dict(type='A{start}')\n")
    return tmp_path / 'run'


def test_prefers_the_test_split_and_takes_another_on_request(work_dir: Path) -> None:
    assert [run.record.split for run in find_runs([work_dir])] == ['test']
    assert [run.record.split for run in find_runs([work_dir, work_dir / 'records/val.json'], 'val')] == ['val']
    assert [run.record.split for run in find_runs([work_dir / 'records/val.json'])] == ['val']
    with pytest.raises(ValueError, match="one of 'test', 'val', 'train', got 'tset'. Did you mean 'test'"):
        find_runs([work_dir], 'tset')


def test_reads_what_the_training_left(work_dir: Path) -> None:
    (run,) = find_runs([work_dir])
    assert run.work_dir == work_dir.resolve()
    assert [(point['step'], point['loss']) for point in run.scalars] == [(50, 3.0), (100, 1.5), (150, 1.0)]
    assert run.config.model.type == 'A2'


def test_a_record_alone_has_nothing_beside_it(record: RunRecord, tmp_path: Path) -> None:
    run = Run(record, record.save(tmp_path / 'a.json'))
    assert (run.work_dir, run.scalars, run.config) == (None, [], None)


@pytest.mark.parametrize('program', ['raise RuntimeError', 'model = (', '\x00', '# nothing'])
def test_a_broken_config_is_left_out(work_dir: Path, program: str) -> None:
    for path in work_dir.glob('*/vis_data/config.py'):
        path.write_text(program)
    assert find_runs([work_dir])[0].config is None


def test_a_config_is_not_run(work_dir: Path, tmp_path: Path) -> None:
    """People send each other work dirs."""
    made = tmp_path / 'made'
    call = f'__import__("os").mkdir({str(made)!r})'
    (tmp_path / 'base.py').write_text(call)
    for path in work_dir.glob('*/vis_data/config.py'):
        path.write_text(
            f'_base_ = {str(tmp_path / "base.py")!r}\n{call}\nmodel = dict(type="A", head=dict(lr=-0.5, x={call}))\n'
        )
    config = find_runs([work_dir])[0].config
    assert config.model.to_dict() == {'type': 'A', 'head': {'lr': -0.5}} and not made.exists()


def test_the_path_in_a_record_is_not_followed(record: RunRecord, work_dir: Path, tmp_path: Path) -> None:
    program = tmp_path / 'payload.py'
    program.write_text(f'__import__("os").mkdir({str(tmp_path / "made")!r})')
    for path in work_dir.glob('*/vis_data/config.py'):
        path.unlink()
    replace(record, config=str(program)).save(work_dir / 'records/test.json')
    assert find_runs([work_dir])[0].config is None and not (tmp_path / 'made').exists()


def test_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='records'):
        find_runs([tmp_path])
    with pytest.raises(FileNotFoundError, match='gone'):
        find_runs([tmp_path / 'gone.json'])
