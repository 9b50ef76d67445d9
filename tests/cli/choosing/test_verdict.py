"""The answer of ltseg choose."""

import torch

from ltseg.cli.choosing.verdict import Verdict, verdict_of
from ltseg.core.curve_comparison import CurveCounts

TAUS = (-0.5, 0.0, 0.5)
TITLES = {'ce': 'cross entropy', 'good': 'a good loss', 'fair': 'a fair loss', 'bad': 'a bad loss'}


def run(seed: int, skill: float) -> CurveCounts:
    """Twenty images of a model whose recall of the rare class grows with tau, at the cost of the frequent one."""
    generator = torch.Generator().manual_seed(seed)
    true = torch.tensor([900, 100]).expand(20, -1)
    recall = torch.tensor([[0.95, 0.3], [0.9, 0.5], [0.8, 0.7]]) * (1 + skill)
    recall = (recall + 0.01 * torch.randn(20, 1, 2, generator=generator)).clamp(0, 1)
    right = (recall * true.unsqueeze(1)).long()
    return CurveCounts(right, right + (true.unsqueeze(1) - right).flip(2), true)


def verdict(seeds: int = 3, **skills: float) -> Verdict:
    runs = {
        name: [run(10 * place + seed, skill) for seed in range(seeds)]
        for place, (name, skill) in enumerate(skills.items())
    }
    return verdict_of(TITLES, runs, 'ce', TAUS)


def test_the_method_farthest_above_is_named_with_its_bounds() -> None:
    found = verdict(ce=0, fair=0.03, good=0.05, bad=-0.1)
    assert found.better == ['good', 'fair'] and found.winner.title == 'a good loss'
    gap = found.others['good'].gap
    assert gap is not None and f'{gap.mean:.1f} points of mIoU ({gap.mean_low:.1f} to' in found.sentence()
    assert 'on 20 validation images' in found.sentence() and '(a fair loss too)' in found.sentence()
    words = {row[0]: row[-1] for row in found.table().rows}
    assert words == {'cross entropy': '', 'a good loss': 'better', 'a fair loss': 'better', 'a bad loss': 'worse'}
    assert [row[0] for row in found.table().rows] == ['cross entropy', 'a good loss', 'a fair loss', 'a bad loss']


def test_where_nothing_is_better_it_says_so() -> None:
    found = verdict(ce=0, good=0, bad=-0.1)
    assert not found.better and found.winner.title == 'cross entropy'
    assert 'None of 2 methods lies above cross entropy with post-hoc adjustment by more than chance' in found.sentence()


def test_one_seed_is_no_answer() -> None:
    found = verdict(seeds=1, ce=0, good=0.1)
    assert not found.better and 'One seed' in found.sentence()
    assert found.table().rows[1][-1] == 'one seed'


def test_methods_with_one_seed_are_not_counted_as_judged() -> None:
    runs = {'ce': [run(0, 0), run(1, 0)], 'good': [run(2, 0.05)], 'bad': [run(3, -0.1), run(4, -0.1)]}
    found = verdict_of(TITLES, runs, 'ce', TAUS)
    assert found.judged == ['bad'] and 'None of 1 method lies' in found.sentence()
    found = verdict_of(TITLES, {**runs, 'ce': [run(0, 0)]}, 'ce', TAUS)
    assert [row[-1] for row in found.table().rows] == ['', 'one seed', 'one seed']


def test_cross_entropy_alone_says_that_there_is_nothing_to_compare() -> None:
    found = verdict(ce=0)
    assert 'nothing to compare' in found.sentence() and len(found.table().rows) == 1


def test_the_best_tau_is_that_of_the_mean_curve() -> None:
    found = verdict(ce=0)
    iou = found.baseline.curves[0].mean(0)
    assert found.baseline.best_tau(TAUS) == TAUS[int(iou.argmax())]
    row = found.table().rows[0]
    assert row[5] == iou.max().item() and row[2] == iou[1].item()


def test_the_figure_has_each_method_with_bounds_around_it() -> None:
    series = verdict(ce=0, good=0.05).figure().series
    middle, low, high = (torch.tensor(each.y) for each in series)
    assert (low <= middle).all() and (middle <= high).all() and [each.dashed for each in series] == [False, True, True]


def test_a_lead_is_held_against_what_longer_training_brings() -> None:
    runs = {'ce': [run(0, 0), run(1, 0)], 'good': [run(2, 0.05), run(3, 0.05)]}
    unseen = verdict_of(TITLES, runs, 'ce', TAUS)
    assert unseen.sentence().endswith('Whether that lasts in longer training runs was not seen.')
    slow = verdict_of(TITLES, runs, 'ce', TAUS, ('cross entropy, 30 iterations', [run(4, 0.06)]))
    assert slow.winner.title == 'a good loss' and slow.longer is not None and slow.longer.gap is not None
    assert f'gains {slow.longer.gap.mean:.1f} points too, so that the lead may be one of speed' in slow.sentence()
    flat = verdict_of(TITLES, runs, 'ce', TAUS, ('cross entropy, 30 iterations', [run(4, 0.0)]))
    assert 'That is more than length alone brings: cross entropy, 30 iterations, gains' in flat.sentence()
    rows = flat.table().rows
    assert [(row[0], row[-1]) for row in rows[:2]] == [
        ('cross entropy', ''),
        ('cross entropy, 30 iterations', 'longer'),
    ]
    assert flat.better == unseen.better and len(flat.figure().series) == len(unseen.figure().series)  # it is no method
