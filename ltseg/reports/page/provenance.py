"""Where results come from: configs, versions, commits, seeds and data."""

import json
from collections.abc import Iterator, Mapping

from ltseg.counts.data_set_counts import counts_folder
from ltseg.counts.table import CountsTable
from ltseg.reports.comparison import Comparison
from ltseg.reports.method import Method
from ltseg.reports.page.phrases import NONE
from ltseg.reports.page.tables import Table, plain_table
from ltseg.reports.runs import Run
from ltseg.reports.settings import flattened

__all__ = ['config_table', 'data_facts', 'runs_table', 'versions_table']

# What a Runner reads; other names in a config are only put into these.
READ = (
    'model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'train_cfg', 'val_evaluator', 'test_evaluator',
    'optim_wrapper', 'param_scheduler', 'custom_hooks', 'default_hooks', 'auto_scale_lr', 'env_cfg',
)  # fmt: skip
MOST = 150  # rows; configs that differ in more are not variants of each other
LONGEST = 120  # characters of a value


def config_table(study: Comparison) -> tuple[Table | None, str]:
    """What the configs of the methods differ in, and a sentence about it."""
    methods = [method for method in study.methods if not method.is_posthoc]
    flat = {method: _read(method.runs[0]) for method in methods}
    without = [method.label for method in methods if not flat[method]]
    if len(methods) < 2 or len(without) == len(methods):
        return None, 'There is one method only.' if len(methods) < 2 else 'No config was found beside the records.'
    known = [method for method in methods if flat[method]]
    keys = dict.fromkeys(key for method in known for key in flat[method])
    differing = [key for key in keys if len({flat[method].get(key, NONE) for method in known}) > 1]
    rows = [[key, *(flat[method].get(key, NONE) for method in known)] for key in differing[:MOST]]
    number = len(differing)
    sentence = {0: 'The configs are the same', 1: 'One setting differs'}.get(number, f'{number} settings differ')
    sentence += f'; shown are the first {MOST}.' if number > MOST else '.'
    if without:
        sentence += f' No config was found of {", ".join(without)}.'
    header = ('setting', *(method.label for method in known))
    table = plain_table('config', 'Settings that differ between the methods.', header, rows)
    return (table if rows else None), sentence


def _read(run: Run) -> dict[str, str]:
    """The settings of a run as texts, by dotted keys: those of its record, else of the config beside it."""
    whole = dict(run.record.setup)
    if not whole and run.config is not None:
        whole = {key: value for key, value in run.config.to_dict().items() if key in READ}
    texts = {key: repr(value) for key, value in flattened(whole)}
    return {key: text if len(text) <= LONGEST else f'{text[:LONGEST]}…' for key, text in texts.items()}


def runs_table(study: Comparison) -> Table:
    """A row for each run."""
    rows = [_run_row(method, run) for method in study.methods for run in method.runs]
    header = ('run', 'method', 'seed', 'iterations', 'config', 'changed', 'commit', 'written', 'record')
    return plain_table('runs', 'One row for each record.', header, rows)


def _run_row(method: Method, run: Run) -> list[str]:
    record = run.record
    settings = {key: value for key, value in record.settings.items() if key != 'posthoc'}
    posthoc = record.settings.get('posthoc')
    changed = [f'{key}={json.dumps(value, default=str)}' for key, value in settings.items()]
    if isinstance(posthoc, Mapping):
        changed.append(f'tau {posthoc.get("tau")}, chosen on {posthoc.get("chosen_on")} by {posthoc.get("by")}')
    commit = (record.commit or NONE).partition('-')
    short = commit[0][:10] + (' (modified)' if commit[2] else '')
    seed = NONE if record.seed is None else str(record.seed)
    iterations = NONE if record.iterations is None else str(record.iterations)
    written = record.date.replace('T', ' ').removesuffix('+00:00')
    return [record.name, method.label, seed, iterations, record.config or NONE, '; '.join(changed) or NONE, short,
            written, run.path.as_posix() if run.path else NONE]  # fmt: skip


def versions_table(study: Comparison) -> Table:
    """The versions of the packages in each environment."""
    environments: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for method in study.methods:
        for run in method.runs:
            environments.setdefault(tuple(run.record.versions.items()), []).append(run.record.name)
    packages = dict.fromkeys(package for environment in environments for package, _ in environment)
    rows = [[package, *(dict(each).get(package, NONE) for each in environments)] for package in packages]
    header = ['package', *(_shared_by(names, len(environments)) for names in environments.values())]
    return plain_table('versions', 'Versions of what decides a result.', header, rows)


def _shared_by(names: list[str], environments: int) -> str:
    if environments == 1:
        return 'version in all runs'
    return names[0] + (f' and {len(names) - 1} more' if names[1:] else '')


def data_facts(study: Comparison) -> list[tuple[str, str]]:
    """What the results were measured on, and what the groups come from."""
    first, evaluation = study.methods[0].runs[0].record, study.reference
    samples, unit = int(evaluation.matrix.sum()), evaluation.task.unit
    absent = [name for name, gone in zip(evaluation.class_names, evaluation.absent, strict=True) if gone]
    size = f'{len(evaluation.class_names)} classes, {samples:,} {unit}'
    return [
        ('Data set', f'{first.dataset}, {first.split}: {size}'),
        ('Groups', evaluation.groups.rule),
        ('Shares', f'from {evaluation.counts_from}, {int(evaluation.counts.sum()):,} {unit}'),
        ('Absent from the truth', ', '.join(absent) or 'none'),
        *_counted(study),
    ]


def _counted(study: Comparison) -> Iterator[tuple[str, str]]:
    """The tables of class counts beside the work dirs that hold the shares of this page."""
    folders = {counts_folder(run.work_dir) for m in study.methods for run in m.runs if run.work_dir}
    for path in sorted(path for folder in folders for path in folder.glob('*.json')):
        try:
            table = CountsTable.load(path)
        except (OSError, ValueError):
            continue
        if table.counts.samples.tolist() == study.reference.counts.tolist():
            made = table.provenance
            known = {'files': made.get('files'), 'fingerprint': made.get('fingerprint'), 'counted': made.get('date')}
            parts = (f'{name} {value}' for name, value in known.items() if value)
            yield 'Class counts', ', '.join((path.as_posix(), *parts))
