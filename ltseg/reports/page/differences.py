"""The difference that each method makes to each class, as bars."""

from matplotlib.axes import Axes

from ltseg.reports.comparison import Comparison
from ltseg.reports.difference import CLEAR, SINGLE, WITHIN, Difference
from ltseg.reports.figures.ink import FALL, INK, MUTED, RISE, TAIL, Drawing, colour_of, draw
from ltseg.reports.method import Method
from ltseg.reports.page.phrases import listed, shortened, signed

__all__ = ['TALL', 'difference_bars', 'label_rows', 'one_sentence']

TALL = 40  # classes from which on a figure scrolls


def difference_bars(study: Comparison, rate: str) -> Drawing | None:
    """A bar for each class and method, with the range over the seeds; None where nothing is compared."""
    methods, order = study.compared, study.order
    if not methods:
        return None
    row = max(0.17, 0.1 * len(methods) + 0.05)  # inches
    with draw(f'bars-{rate}', max(1.8, row * len(order) + 0.55)) as (axes, made):
        label_rows(axes, study)
        for position, method in enumerate(methods):
            shift = (position - (len(methods) - 1) / 2) * 0.8 / len(methods)
            for place, index in enumerate(order):
                difference = method.difference(study.key(rate, index))
                if difference.known:
                    _bar(axes, place + shift, 0.75 / len(methods), method, difference, alone=len(methods) == 1)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_xlabel(f'{rate}, percentage points')
        axes.tick_params(axis='x', labeltop=len(order) > TALL)
        if len(methods) > 1:
            handles = [axes.barh(0, 0, color=colour_of(method.index), label=method.label) for method in methods]
            axes.figure.legend(handles=handles, loc='outside upper left', ncols=1)
    caption = (
        'The most frequent class is at the top. Where there are several seeds, dark lines run from the smallest to the '
        'largest difference between two of them, and pale bars are not clear of their spread.'
    )
    baselines = listed(list(dict.fromkeys(method.baseline.label for method in methods if method.baseline)))
    alt = ' '.join(one_sentence(study, method, rate) for method in methods)
    return Drawing(made[0], f'{rate}: difference to {baselines}', alt, caption, len(order) > TALL)


def _bar(axes: Axes, place: float, thickness: float, method: Method, difference: Difference, alone: bool) -> None:
    colour = (RISE if difference.value > 0 else FALL) if alone else colour_of(method.index)
    alpha = {CLEAR: 1.0, WITHIN: 0.35, SINGLE: 0.8}[difference.verdict]
    axes.barh(place, difference.value, thickness, color=colour, alpha=alpha, linewidth=0)
    if difference.high > difference.low:
        axes.plot([difference.low, difference.high], [place, place], color=INK, linewidth=0.9, solid_capstyle='butt')


def label_rows(axes: Axes, study: Comparison) -> None:
    """A row for each class, named at the left; the rarest group is shaded, and each group named at the right."""
    groups = study.reference.groups
    of_rows = [groups.group_of(index) for index in study.order]
    for row, group in enumerate(of_rows):
        if group == study.rarest:
            axes.axhspan(row - 0.5, row + 0.5, color=TAIL, linewidth=0, zorder=0)
        if of_rows.index(group) == row:
            axes.text(1, row, group, transform=axes.get_yaxis_transform(), va='center', color=MUTED, fontsize=8)
    names = [shortened(study.reference.class_names[index]) for index in study.order]
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis='y', length=0)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis='y')


def one_sentence(study: Comparison, method: Method, rate: str) -> str:
    """The largest rise and fall, for those who do not see the figure."""
    named = [(method.difference(study.key(rate, i)).value, study.reference.class_names[i]) for i in study.order]
    known = sorted((value, name) for value, name in named if value == value)
    if not known:
        return f'{method.label}: no class can be compared.'
    (low, lowest), (high, highest) = known[0], known[-1]
    rising = sum(value > 0 for value, _ in known)
    return (
        f'{method.label}: {rate} rises for {rising} of {len(known)} classes, most for {highest} ({signed(high)}), '
        f'least for {lowest} ({signed(low)}).'
    )
