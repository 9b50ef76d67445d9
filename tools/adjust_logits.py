"""Post-hoc logit adjustment of a trained segmentor: z_k - tau * log pi_k for many tau, in one pass over the data.

    python tools/adjust_logits.py CONFIG CHECKPOINT
    python tools/adjust_logits.py CONFIG CHECKPOINT --tau -1 ... 1.5 --criterion mIoU_tail --fold-into adjusted.pth

A positive tau helps rare classes; a negative one moves a model that was trained with the prior in its loss part of the
way back. Tau is chosen on one split and reported on another.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config, DictAction
from mmseg.utils import register_all_modules
from rich.console import Console

from ltseg.core.checks import fault
from ltseg.core.posthoc import log_prior_of
from ltseg.heads.folding import check_foldable, fold_prior, save_folded
from ltseg.reports.record import RunRecord, commit_of
from ltseg.reports.tau_curve import TauCurve, parse_taus
from ltseg.reports.tau_report import adjusted_record, curve_figure, curve_points, curve_table
from ltseg.reports.trained_segmentor import SPLITS, TrainedSegmentor


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='file with the weights')
    parser.add_argument('--tau', nargs='+', default=['-1', '...', '1.5'], help="numbers; '...' continues the row")
    parser.add_argument('--prior', help='counts table of the training labels (default: they are counted)')
    parser.add_argument('--floor', type=float, default=0.0, help='raise training counts below it to it')
    parser.add_argument('--select-on', choices=SPLITS, default='val', help='split that tau is chosen on')
    parser.add_argument('--report-on', choices=SPLITS, default='test', help='split that is reported')
    parser.add_argument('--criterion', default='mIoU', help='metric that chooses tau: mIoU, mIoU_tail, mAcc, IoU/car')
    parser.add_argument('--record', help='run record of this checkpoint (tools/test.py): it gets the curve too')
    parser.add_argument('--out', help='folder for tau_curve.json and tau_curve.png (default: that of the checkpoint)')
    parser.add_argument('--fold-into', help='write a checkpoint with the chosen tau in the bias of the classifier')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings of the config to change')
    return parser.parse_args(arguments)


def curves_of(
    segmentor: TrainedSegmentor, taus: tuple[float, ...], options: argparse.Namespace, console: Console
) -> tuple[TauCurve, TauCurve]:
    """The curves to choose from and to report."""
    selection = segmentor.curve(options.select_on, taus, options.floor)
    if options.select_on == options.report_on or segmentor.same_data(options.select_on, options.report_on):
        console.print('Note: tau is chosen and reported on the same images, which flatters it.', style='yellow')
        return selection, selection
    return selection, segmentor.curve(options.report_on, taus, options.floor)


def print_curves(selection: TauCurve, report: TauCurve, criterion: str, console: Console) -> None:
    """The tables, the groups, and what the choice changes."""
    chosen = selection.best(criterion)
    for curve in dict.fromkeys((selection, report)):
        console.print(curve_table(curve, chosen))
    evaluation, before = report.at(chosen), report.at(0.0).metrics()
    console.print(evaluation.groups.describe(evaluation.class_names), highlight=False)
    changes = (f'{key} {before[key]:.2f} -> {evaluation.metrics()[key]:.2f}' for key in ('mIoU', 'mAcc', 'mIoU_tail'))
    console.print(
        f'tau = {chosen:g} has the best {criterion} on {selection.split}. On {report.split}: ' + ', '.join(changes)
    )


def base_record(options: argparse.Namespace, report: TauCurve) -> RunRecord:
    """The given record with the curve added, or one named after the config, ``<model>_<method>_<dataset>``."""
    if options.record:
        record = replace(RunRecord.load(options.record), tau_curve=curve_points(report))
        record.save(options.record)
        return record
    stem = Path(options.config).stem
    model, _, rest = stem.partition('_')
    method, _, dataset = rest.rpartition('_')
    return RunRecord(
        name=stem,
        method=method or stem,
        model=model,
        dataset=dataset or stem,
        split=report.split,
        evaluation=report.at(0.0),
        config=options.config,
        commit=commit_of(Path(__file__).parent),
    )


def check_options(segmentor: TrainedSegmentor, options: argparse.Namespace) -> None:
    """Finds what would fail after the evaluation before it."""
    segmentor.check_criterion(options.criterion)
    if options.fold_into:
        check_foldable(segmentor.model, options.checkpoint, options.fold_into)
    if options.record and RunRecord.load(options.record).split != options.report_on:
        got = RunRecord.load(options.record).split
        raise ValueError(fault(options.record, f'a record of {options.report_on}', got, 'Set --report-on.'))


def fold(segmentor: TrainedSegmentor, tau: float, options: argparse.Namespace) -> str:
    """Writes the checkpoint with the folded prior; returns what was changed."""
    log_prior = log_prior_of(segmentor.table.counts.samples, options.floor)
    key = fold_prior(segmentor.model, log_prior, tau, next(iter(segmentor.loader(options.select_on))))
    note = {'tau': tau, 'log_prior': log_prior.tolist(), 'checkpoint': options.checkpoint}
    save_folded(options.checkpoint, options.fold_into, key, segmentor.model.state_dict()[key], note)
    return key


def run(options: argparse.Namespace) -> None:
    console = Console()
    taus = parse_taus(options.tau)
    register_all_modules(init_default_scope=True)
    config = Config.fromfile(options.config)
    config.merge_from_dict(options.cfg_options or {})
    segmentor = TrainedSegmentor(config, options.checkpoint, options.prior)
    check_options(segmentor, options)
    selection, report = curves_of(segmentor, taus, options, console)
    chosen = selection.best(options.criterion)
    print_curves(selection, report, options.criterion, console)
    folder = Path(options.out or Path(options.checkpoint).parent)
    curve_figure(list(dict.fromkeys((selection, report))), chosen, folder / 'tau_curve.png')
    record = adjusted_record(base_record(options, report), selection, report, options.criterion)
    console.print(f'Written: {record.save(folder / "tau_curve.json")}, {folder / "tau_curve.png"}', soft_wrap=True)
    if options.fold_into:
        key = fold(segmentor, chosen, options)
        console.print(f'Written: {options.fold_into}, {key} -= {chosen:g} * log prior', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    try:
        run(parse_arguments(arguments))
    except (KeyError, OSError, ValueError) as error:
        sys.exit(f'{type(error).__name__}: {error}')


if __name__ == '__main__':
    main()
