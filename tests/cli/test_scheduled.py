"""Weights that change during training, read off configs."""

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from ltseg.cli.scheduled import scheduled_lines, weight_figures
from ltseg.cli.stages import stages_of
from ltseg.reports.figures.figure import Series
from ltseg.schedules import Progress, Schedule

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'mmpretrain_registered')

CONFIGS = Path(__file__).parents[2] / 'configs'
SCHEDULES = [
    dict(shape='constant', start=0.25),
    dict(shape='linear', complement=True),
    dict(shape='parabolic', start=10, unit='iter'),
    dict(shape='cumulative', power=0.5),
    dict(shape='cumulative', power=3.0, complement=True, start=0.5),
]


def classifier(method: str, **settings: Any) -> Config:
    config = Config.fromfile(CONFIGS / f'classification/resnet32_{method}_cifar10lt100.py')
    config.work_dir = 'work_dirs/run'
    config.merge_from_dict(settings)
    return config


def by_name(config: Config) -> dict[str, Series]:
    return {line.name: line for line in scheduled_lines(config)}


def test_eta_of_allnc_and_what_takes_over_from_it() -> None:
    eta, rest = scheduled_lines(classifier('allnc'))
    assert (
        eta.name == 'cross entropy' and rest.name.startswith('re-weighting') and rest.name.endswith('P2P (classifier)')
    )
    assert list(eta.x) == list(range(200)) and (eta.dashed, rest.dashed) == (False, True)
    assert eta.y == pytest.approx([1 - ((epoch + 1) / 200) ** 3 for epoch in range(200)])
    assert [one + other for one, other in zip(eta.y, rest.y, strict=True)] == pytest.approx([1.0] * 200)


@pytest.mark.parametrize('schedule', SCHEDULES, ids=str)
def test_every_shape_over_iterations(schedule: dict) -> None:
    loss = dict(type='ltseg.CrossEntropyLoss', schedule=schedule)
    config = Config(dict(model=dict(decode_head=dict(loss_decode=loss)), train_cfg=dict(max_iters=40)))
    (line,) = scheduled_lines(config)
    assert list(line.x) == list(range(40)) and line.dashed == schedule.get('complement', False)
    assert line.y == [Schedule(**schedule).factor(Progress(iter=step, max_iters=40)) for step in range(40)]


def test_a_long_training_run_is_drawn_from_its_first_to_its_last_iteration() -> None:
    loss = dict(type='ltseg.CrossEntropyLoss', schedule=dict(shape='linear'))
    config = Config(dict(model=dict(decode_head=dict(loss_decode=loss)), train_cfg=dict(max_iters=160_000)))
    (line,) = scheduled_lines(config)
    assert len(line.x) == 201 and (line.x[0], line.x[-1]) == (0, 159_999)


def test_schedules_that_no_config_names_are_found() -> None:
    assert by_name(classifier('lwr_balanced_softmax'))['LWR'].y[100] == pytest.approx(0.25)  # (1 - 1/2)^2
    drw = by_name(classifier('ce_drw'))['DRW']
    assert [drw.y[epoch] for epoch in (0, 159, 160, 199)] == [0, 0, 1, 1]
    (strength,) = scheduled_lines(stages_of(classifier('risda'))[1])
    assert strength.name.startswith('strength of RISDA') and len(strength.x) == 40
    assert (strength.y[0], strength.y[-1]) == pytest.approx((0.8, 0.8 + 0.2 * 39 / 40))
    common, rare = scheduled_lines(classifier('bbn', **{'model.epochs': 400}))
    assert common.y[100] == pytest.approx(1 - (100 / 400) ** 2) and rare.y[100] == pytest.approx((100 / 400) ** 2)
    assert rare.dashed and not common.dashed
    assert scheduled_lines(classifier('ce')) == []


def test_iterations_of_an_epoch_are_those_of_the_data_where_a_schedule_counts_them() -> None:
    loader = dict(dataset=list(range(12)), batch_size=3, sampler=dict(type='DefaultSampler'), num_workers=0)
    loss = dict(type='ltseg.CrossEntropyLoss', schedule=dict(start=8, unit='iter'))
    config = Config(dict(model=dict(head=dict(loss=loss)), train_cfg=dict(max_epochs=4), train_dataloader=loader))
    (line,) = scheduled_lines(config)
    assert line.y == [0, 0, 1, 1]  # 4 iterations an epoch


def test_stages_have_figures_of_their_own() -> None:
    (figure,) = weight_figures({'': stages_of(classifier('allnc_plus'))})
    assert (figure.name, figure.x_label) == ('weights_representation', 'epochs done')


def test_runs_are_compared_where_their_weights_differ() -> None:
    power = 'model.head.loss.0.schedule.power'
    runs = {f'power {value}': [classifier('allnc', **{power: value})] for value in (0.5, 3.0)}
    (figure,) = weight_figures(runs)
    assert [(line.name, line.color) for line in figure.series] == [
        ('power 0.5: cross entropy', 0),
        ('power 3.0: cross entropy', 1),
    ]
    assert figure.series[0].y[99] == pytest.approx(1 - 0.5**0.5) and figure.series[1].y[99] == pytest.approx(1 - 0.5**3)
    assert (
        weight_figures({str(rate): [classifier('allnc', **{'optim_wrapper.optimizer.lr': rate})] for rate in (1, 2)})
        == []
    )
