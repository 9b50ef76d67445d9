"""The printed tables, with what the checks of methods and rows found."""

from statistics import fmean

import pytest

from ltseg.reports.published import PUBLISHED, find_published


def test_rows_average_to_the_printed_means_but_for_the_two_misprints() -> None:
    off = {}
    for name, run in PUBLISHED.items():
        for rate, of_class in run.rates.items():
            assert len(of_class) == 19
            if abs(fmean(of_class.values()) - run.means[rate]) > 0.0051:
                off[name, rate] = round(fmean(of_class.values()), 2)
    assert off == {('arb/deeplabv3plus/arb', 'IoU'): 78.44, ('arb/unet/arb', 'Acc'): 79.64}


def test_another_wall_would_close_the_gap() -> None:
    run = PUBLISHED['arb/deeplabv3plus/arb']
    assert run.rates['IoU']['wall'] == 38.15
    assert fmean((run.rates['IoU'] | {'wall': 58.15}).values()) == pytest.approx(run.means['IoU'], abs=0.0051)


@pytest.mark.parametrize(('name', 'number'), [('arb', 4), ('arb/unet', 2), ('arb/unet/ce', 1)])
def test_a_prefix_finds_all_below(name: str, number: int) -> None:
    assert len(find_published(name)) == number


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="arb/unet/ce.*got 'arb/un'"):
        find_published('arb/un')
