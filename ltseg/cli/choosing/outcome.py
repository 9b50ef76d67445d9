"""What ltseg choose leaves: the page, the table, and the config of the full training run."""

import argparse
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ltseg.cli.choosing.candidates import with_method
from ltseg.cli.choosing.methods import Candidate
from ltseg.cli.choosing.subject import subject_of
from ltseg.cli.choosing.verdict import Verdict
from ltseg.cli.choosing.work import Job
from ltseg.config_parts import type_name
from ltseg.core.files import atomic_write
from ltseg.reports.comparison import compare
from ltseg.reports.figures.renderer import save_figure
from ltseg.reports.page.page import render_page, write_page
from ltseg.reports.runs import find_runs

__all__ = ['settings_of', 'write_config', 'write_results']


def settings_of(options: argparse.Namespace, head: str) -> str:
    """The arguments that change the config, but for what the head and the methods have taken from them."""
    given = (options.cfg_options or {}).items()
    changes = [f'{key}={value}' for key, value in given if not key.startswith(('choose', f'model.{head}'))]
    words = ['--data-root', options.data_root] if options.data_root else []
    changes += [f'load_from={options.checkpoint}'] if options.checkpoint else []
    words += ['--cfg-options', *changes] if changes else []
    return ''.join(f' {shlex.quote(word)}' for word in words)


def write_config(path: Path, config: Config, settings: str, method: Candidate, sentence: str, tau: float) -> None:
    """The config of the full training run."""
    subject = subject_of(config)
    head = {'_delete_': True, **with_method(config, method).model[subject.head].to_dict()}
    changes: dict[str, Any] = {'model': {subject.head: head}}
    if sampler := method.sampler or _plain_sampler(config):
        changes['train_dataloader'] = {'sampler': {'_delete_': True, **sampler}}
    lines = [
        f'# {sentence}',
        f'#     ltseg train {path}{settings}',
        '# Then, on the trained model, tau by its own validation curve '
        f'(on frozen features the highest {subject.axes.quality} was at {tau:g}):',
        f'#     ltseg adjust {path} CHECKPOINT{subject.adjust}{settings}',
        f'_base_ = {os.path.relpath(str(config.filename), path.parent)!r}',
        Config(changes).pretty_text.rstrip(),
    ]
    with atomic_write(path) as draft:
        draft.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def _plain_sampler(config: Config) -> dict[str, Any]:
    """What draws all images alike, as heads are trained without a sampler of classes; empty where the config does."""
    sampler = config.train_dataloader.get('sampler')
    if sampler is None or type_name(sampler) in ('DefaultSampler', 'InfiniteSampler'):
        return {}
    by_epoch = config.train_cfg.get('type') == 'EpochBasedTrainLoop' or config.train_cfg.get('by_epoch', False)
    return {'type': 'DefaultSampler' if by_epoch else 'InfiniteSampler', 'shuffle': True}


def write_results(verdict: Verdict, done: Sequence[Job], folder: Path) -> tuple[Path, Path]:
    """The page, and the table as Markdown."""
    if verdict.others:
        figure = verdict.figure()
        save_figure(figure, folder / f'{figure.name}.png')
        with atomic_write(Path(done[0].work_dir, 'collapse', f'{figure.name}.json')) as draft:  # where the page looks
            draft.write_text(json.dumps(figure.content()), encoding='utf-8')
    runs = find_runs([job.record for job in done])
    page = write_page(render_page(compare(runs), title='Heads on frozen features'), folder / 'choice.html')
    with atomic_write(folder / 'choice.md') as draft:
        draft.write_text(f'{verdict.sentence()}\n\n{verdict.table().markdown()}', encoding='utf-8')
    return page, folder / 'choice.md'
