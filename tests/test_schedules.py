"""Schedules at their ends, in every unit, and read from a Runner."""

import warnings
from typing import Any

import pytest
from hinted import hinted
from mmengine.logging import MessageHub

from ltseg.schedules import Progress, Schedule, training_progress


def at(iteration: int, epoch: int = 0) -> Progress:
    return Progress(iter=iteration, max_iters=100, epoch=epoch, max_epochs=10)


@pytest.mark.parametrize(
    ('shape', 'expected'),
    [('constant', [1, 1, 1]), ('linear', [1, 0.5, 0.01]), ('parabolic', [1, 0.25, 1e-4])],
)
def test_shapes_at_the_start_the_middle_and_the_last_iteration(shape: str, expected: list[float]) -> None:
    assert [Schedule(shape).factor(at(i)) for i in (0, 50, 99)] == pytest.approx(expected)


@pytest.mark.parametrize('power', [0.5, 2, 3])
def test_cumulative_is_that_of_gbbn_in_epochs(power: float) -> None:
    schedule = Schedule('cumulative', unit='epoch', power=power)
    found = [schedule.factor(at(0, epoch)) for epoch in range(10)]
    assert found == pytest.approx([1 - (t / 10) ** power for t in range(1, 11)])


@pytest.mark.parametrize(('unit', 'start', 'first'), [('iter', 30, 30), ('fraction', 0.3, 30), ('epoch', 3, 3)])
def test_nothing_before_the_start(unit: str, start: float, first: int) -> None:
    schedule = Schedule(start=start, unit=unit)
    points = [at(0, t) if unit == 'epoch' else at(t) for t in (0, first - 1, first)]
    assert [schedule.factor(point) for point in points] == [0, 0, 1]


def test_the_complement_sums_to_one_and_is_nothing_before_the_start() -> None:
    schedule, rest = (Schedule('linear', start=0.2, complement=flag) for flag in (False, True))
    for i in (20, 55, 99):
        assert schedule.factor(at(i)) + rest.factor(at(i)) == pytest.approx(1)
    assert rest.factor(at(19)) == 0


@pytest.mark.parametrize(('start', 'unit'), [(100, 'iter'), (10, 'epoch')])
def test_a_start_that_training_never_reaches_is_named(start: float, unit: str) -> None:
    with pytest.warns(UserWarning, match=rf'Schedule.start: expected less than the {start} of training in {unit}s'):
        assert Schedule(start=start, unit=unit).factor(at(0)) == 0
    with pytest.warns(UserWarning, match="iterations is one epoch: set unit='iter'"):
        Schedule(start=5, unit='epoch').factor(Progress(iter=3, max_iters=100))
    assert Schedule(start=start, unit=unit).factor(Progress()) == 0  # no Runner, and so no end


def test_a_start_in_iterations_or_as_a_fraction_is_reached() -> None:
    now = Progress(iter=60, max_iters=100)  # training in iterations

    def warned(**options: Any) -> list[Any]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            Schedule(**options).factor(now)
        return [warning.message for warning in caught]

    hinted("Training in iterations is one epoch: set unit='iter' or 'fraction'.", lambda: warned(start=5, unit='epoch'))
    for right in ({'start': 50, 'unit': 'iter'}, {'start': 0.5, 'unit': 'fraction'}):
        assert not warned(**right) and Schedule(**right).factor(now) == 1


@pytest.mark.usefixtures('no_runner')
def test_progress_is_what_the_runner_wrote_down() -> None:
    hub = MessageHub.get_current_instance()
    assert training_progress() == Progress()
    hub.update_info_dict({'iter': 7, 'max_iters': 20, 'epoch': 1, 'max_epochs': 4})
    try:
        assert training_progress() == Progress(7, 20, 1, 4)
    finally:
        for name in ('iter', 'max_iters', 'epoch', 'max_epochs'):
            hub.runtime_info.pop(name)


@pytest.mark.parametrize('wrong', [{'shape': 'cosine'}, {'unit': 'step'}, {'start': -1}, {'start': 100}, {'power': 0}])
def test_a_wrong_option_is_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=f'Schedule.{next(iter(wrong))}'):
        Schedule(**wrong)


def test_a_unit_makes_a_start_of_many_steps_right() -> None:
    hinted("Name the unit: 'epoch' or 'iter'.", lambda: Schedule(start=100))
    starts = Schedule(start=100, unit='iter')
    assert [starts.factor(Progress(iter=step, max_iters=200)) for step in (99, 100)] == [0, 1]
