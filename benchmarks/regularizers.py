"""Training iterations of DeepLabv3+ with a regularizer in its decode head, against the same without it ("reference").

    python benchmarks/regularizers.py [--only HybridContrastiveLoss]

The two take turns, in one process.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness import Result, Run, arguments_of, in_turns, show
from training_iteration import Case, model_of, random_batch, step_of

TERMS: list[dict[str, Any]] = [
    dict(type='ltseg.WithinClassRegularizer'),
    dict(type='ltseg.WithinClassRegularizer', centers='learnable'),
    dict(type='ltseg.BetweenClassRegularizer'),
    dict(type='ltseg.CenterLoss'),
    dict(type='ltseg.PeerToPeerRegularizer', on='means'),
    dict(type='ltseg.PeerToPeerRegularizer', on='classifier'),
    dict(type='ltseg.WeightRepulsion'),
    dict(type='ltseg.HybridContrastiveLoss'),
    dict(type='ltseg.BalancedContrastiveLoss'),
    dict(type='ltseg.SupervisedContrastiveLoss'),
]
REACH = 1.1


@dataclass(frozen=True)
class Iteration:
    """An iteration with a term, or without one."""

    case: Case
    terms: tuple[dict[str, Any], ...]

    def prepare(self, arguments: argparse.Namespace) -> Run:
        model = model_of(self.case, 'ltseg', arguments, regularizers=list(self.terms))
        data = model.data_preprocessor(random_batch(self.case, arguments), True)
        step = step_of(model, arguments)
        return lambda: step(data)


def name_of(term: dict[str, Any]) -> str:
    """The term as a config writes it, in short."""
    options = ', '.join(f'{key}={value!r}' for key, value in term.items() if key != 'type')
    return term['type'].removeprefix('ltseg.') + (f' ({options})' if options else '')


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given, pairs=4)
    case = Case(5, (32, 32)) if arguments.quick else Case(19, (512, 1024))
    without = Iteration(case, ()).prepare(arguments)
    results = []
    for term in TERMS:
        if arguments.only in name_of(term):
            pairs = in_turns(Iteration(case, (term,)).prepare(arguments), without, arguments.pairs, arguments.device, 1)
            results.append(Result(name_of(term), 'time', pairs, REACH))
    what = f'{case.classes} classes, {case.crop[0]}x{case.crop[1]}, batch {arguments.batch_size}'
    show(f'Training iteration of DeepLabv3+ with a regularizer, against one without: {what}', results, arguments)


if __name__ == '__main__':
    main()
