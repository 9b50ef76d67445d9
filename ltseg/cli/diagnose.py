"""Looks at the data, the losses and the results of a config, and prints what matters with what to try.

    ltseg diagnose CONFIG
    ltseg diagnose CONFIG CHECKPOINT --baseline work_dirs/BASELINE/records/val.json

Without a checkpoint: the labels, and what the rules of the losses make of their counts. With one: also its classifier
and its confusions, from the record that ltseg train or ltseg test left of it, else by an evaluation. Everything
is written to WORK_DIR/reports/diagnosis.json too. Exits with 1 where labels cannot be used, or do not fit the heads.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from rich.console import Console

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.checkpoints import check_checkpoint
from ltseg.cli.checks import head_faults
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.data_files import labelled_dataset
from ltseg.cli.errors import known_message, one_message_errors
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.parser import command_parser
from ltseg.cli.runner import calm_warnings
from ltseg.cli.split_counts import count_split
from ltseg.cli.trust import add_trust_argument
from ltseg.core.errors import InvalidValueError, UsageError
from ltseg.core.files import atomic_write, check_writable
from ltseg.core.shares import gini
from ltseg.counts.class_names import check_class_order
from ltseg.counts.data_set_counts import build_dataset
from ltseg.counts.ignored_pixels import ignored_share
from ltseg.counts.table import CountsTable
from ltseg.heads.classifier_watch import class_vectors_of
from ltseg.metrics.evaluation import Evaluation
from ltseg.nested_datasets import dataset_classes, dataset_config
from ltseg.reports.diagnosis.data import UNUSABLE, count_findings, head_fault, label_fault, rule_findings
from ltseg.reports.diagnosis.finding import Finding, plain, print_findings, sorted_findings
from ltseg.reports.diagnosis.foreign_losses import foreign_loss_findings
from ltseg.reports.diagnosis.results import baseline_findings, classifier_findings, evaluation_findings
from ltseg.reports.record import RunRecord
from ltseg.trained.model import SPLITS, build_model
from ltseg.trained.tasks import trained_model
from ltseg.trained.weights import load_weights


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument('checkpoint', nargs='?', help='file with the weights')
    parser.add_argument('--split', choices=SPLITS, default='val', help='split to measure on (default: val)')
    parser.add_argument('--record', help='record of the evaluation of this checkpoint, instead of evaluating')
    parser.add_argument('--baseline', help='record of another run to compare with')
    return parser.parse_args(arguments)


class Diagnosis:
    """Findings as they come, and what was looked at."""

    def __init__(self, config: Config, options: argparse.Namespace) -> None:
        self.config, self.options = config, options
        self.findings: list[Finding] = []
        self.looked_at: list[str] = []

    def count(self, split: str) -> CountsTable | None:
        """Counts of a split; labels that cannot be counted are a finding."""
        config = dataset_config(self.config, split)
        if config is None:
            return None
        try:
            dataset = labelled_dataset(f'{split}_dataloader.dataset', config)
            table = count_split(self.config, split, dataset)
        except Exception as error:
            self.findings.append(label_fault(split, known_message(error)))
            return None
        unit = 'pixels' if 'total_pixels' in table.provenance else 'images'
        number, files = int(table.counts.samples.sum()), table.provenance['files']
        note = f' ({table.ignored[0].lower()}{table.ignored[1:-1]})' if table.ignored else ''
        unequal = f', Gini {gini(table.counts.samples):.2f}' if number else ''
        self.looked_at.append(f'{split}: {number:,} labelled {unit} in {files:,} images{unequal}{note}')
        return table

    def look_at_data(self, model: Any) -> None:
        """The labels of training and of the split, and the rules."""
        train, val = self.count('train'), self.count(self.options.split)
        if train is None:
            return
        names, measured = train.class_names, None
        if val is not None and val.class_names == names:
            measured = val.counts.samples
        elif val is not None:
            self._compare_names(val.class_names, names)
        ignored, cause = train.ignored_class, train.cause_of_empty_classes
        self.findings += count_findings(train.counts.samples, measured, names, ignored, cause)
        faults = list(head_faults(self.config.model, {'train_dataloader': names}))
        if faults:
            self.findings.append(head_fault('\n'.join(faults)))
        else:
            self.findings += rule_findings(model, train.learned, names)
            share = ignored_share(train.provenance)
            self.findings += foreign_loss_findings(model, train.counts.samples, names, share)

    def _compare_names(self, names: Sequence[str], of_training: Sequence[str]) -> None:
        split = self.options.split
        try:
            check_class_order(f'{split}_dataloader.dataset, classes', names, of_training)
        except ValueError as error:
            self.findings.append(label_fault(split, str(error)))

    def look_at_model(self, model: Any) -> None:
        """The classifier of the checkpoint, where the model has one."""
        path = self.options.checkpoint
        load_weights(model, path)
        try:
            vectors = class_vectors_of(model).detach()
        except InvalidValueError:  # heads that classify masks or points
            self.looked_at.append(f'no classifier in {path}, whose head has no layer with one vector for each class')
            return
        names = dataset_classes(build_dataset(self.config.train_dataloader.dataset))
        labels = names if len(names) == len(vectors) else [str(index) for index in range(len(vectors))]
        self.findings += classifier_findings(vectors, labels)
        self.looked_at.append(f'the classifier of {path}')

    def look_at_results(self, iterations: int | None) -> None:
        """The confusion matrix, alone and against the baseline."""
        evaluation, origin = self._evaluation(iterations)
        self.looked_at.append(origin)
        self.findings += evaluation_findings(evaluation)
        if self.options.baseline:
            baseline = RunRecord.load(self.options.baseline)
            if baseline.split != self.options.split:
                hint = 'Give --split, or another record.'
                raise UsageError('--baseline', f'a record of {self.options.split}', repr(baseline.split), hint)
            self.findings += baseline_findings(evaluation, baseline.evaluation, f'{baseline.name} ({baseline.method})')

    def _evaluation(self, iterations: int | None) -> tuple[Evaluation, str]:
        split = self.options.split
        kept = Path(self.options.record or Path(self.config.work_dir) / 'records' / f'{split}.json')
        if self.options.record or kept.is_file():
            record = RunRecord.load(kept)
            if self.options.record or (iterations and record.iterations == iterations):
                return record.evaluation, f'its results in {kept}'
        curve = trained_model(self.config, self.options.checkpoint).curve(split, (0.0,))
        return curve.at(0.0), f'an evaluation on {split}'


def diagnose(options: argparse.Namespace) -> bool:
    """Looks, writes and prints; says whether the config can be trained with."""
    if options.baseline and not (options.checkpoint or options.record):
        raise UsageError('--baseline', 'a checkpoint or --record to compare with it', 'neither')
    config = load_config(options, needs=('model', 'train_dataloader'))
    path = Path(config.work_dir) / 'reports' / 'diagnosis.json'
    check_writable(path)
    register_modules(config)
    meta = check_checkpoint(options.checkpoint) if options.checkpoint else {}
    settle_ignored(config, training=False)
    model, diagnosis = build_model(config), Diagnosis(config, options)
    diagnosis.look_at_data(model)
    if options.checkpoint:
        diagnosis.look_at_model(model)
    unusable = any(each.kind in UNUSABLE for each in diagnosis.findings)
    if options.record or (options.checkpoint and not unusable):
        diagnosis.look_at_results(meta.get('iter'))
    findings, console = sorted_findings(diagnosis.findings), Console()
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(plain(findings, diagnosis.looked_at), indent=1) + '\n', encoding='utf-8')
    print_findings(findings, diagnosis.looked_at, console)
    console.print(f'\nWritten: {path}', soft_wrap=True, highlight=False)
    return not unusable


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        usable = diagnose(options)
    if not usable:
        sys.exit(1)
