"""Damaged files: each is refused with a message of ltseg, or makes no difference, or is read as what it says."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from mutations import mutated_bytes, mutated_json
from PIL import Image

from ltseg.checkpoint_files.content import check_content
from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.cli import compare, report
from ltseg.core.errors import LtsegError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.groups import ClassGroups
from ltseg.counts.table import CountsTable, check_table
from ltseg.datasets.checked_loading import read_labels
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord

__all__ = ['check_checkpoint', 'check_label', 'check_record', 'check_table_of_counts', 'whole_record']

NAMES = ('road', 'car', 'sky', 'bus')
COUNTS = torch.tensor([7000, 200, 2500, 300])
MATRIX = torch.tensor([[900, 90, 0, 0], [60, 80, 10, 0], [5, 5, 30, 10], [0, 0, 0, 0]])  # class 3 is absent
PROVENANCE = {
    'dataset': 'CamVid',
    'parts': [{'dataset': 'CamVid', 'data_root': 'data/camvid', 'reduce_zero_label': False}],
    'files': 9,
    'total_pixels': 20_000,
    'valid_pixels': 10_000,
    'ignore_index': 255,
    'ignored_values': {'255': 9_000, '30': 1_000},
    'fingerprint': 'abc',
    'ltseg_version': '1',
    'date': '2026-01-01',
}


def whole_record(method: str = 'cross entropy') -> RunRecord:
    """A record with something in every field."""
    points = [{'iteration': n, 'mIoU': 10.0 + n, 'mAcc': 20.0 + n, 'mIoU_tail': 1.0 * n} for n in (10, 20, 30)]
    return RunRecord(
        name=f'{method} 0',
        method=method,
        model='U-Net',
        dataset='CamVid',
        split='test',
        evaluation=Evaluation(MATRIX, NAMES, ClassGroups.tertiles(COUNTS), COUNTS, 'the training labels'),
        seed=0,
        config='configs/a.py',
        settings={'optimizer': {'lr': 0.1}, 'crop': [352, 480]},
        iterations=30,
        curves={'val': points, 'train': [{'iteration': 10, 'loss': 2.0}, {'iteration': 30, 'loss': 0.5}]},
        tau_curve=[{'tau': tau, 'mIoU': 40 + tau, 'mAcc': 50 + tau, 'mIoU_tail': 9 + tau} for tau in (-1.0, 0.0, 1.0)],
        versions={'python': '3', 'torch': '2'},
        commit='0123456789abcdef-modified',
        date='2026-01-01T00:00:00+00:00',
    )


def check_record(number: int, folder: Path, page: bool = True) -> str:
    """Compares and reports a mutated record, alone or beside a whole one.

    Returns:
        'refused' or 'used'.
    """
    random, path, other = Random(number), folder / 'records' / 'test.json', folder / 'other.json'
    text = whole_record().save(path).read_text(encoding='utf-8')
    whole_record('ARB').save(other)
    _write_mutant(path, text, random)
    runs = [str(path), str(other)][: random.choice((1, 2))]
    try:
        with redirect_stdout(io.StringIO()):
            compare.run(compare.parse_arguments(runs))
            if page:
                report.run(report.parse_arguments([*runs, '--out', str(folder / 'report.html')]))
    except LtsegError:
        return 'refused'
    return 'used'


def check_table_of_counts(number: int, folder: Path) -> str:
    """Loads a mutated table of counts, and looks at what a loss and a report take of it.

    Returns:
        'refused' or 'used'.
    """
    random, path = Random(number), folder / 'counts.json'
    images = torch.tensor([9, 3, 8, 1])
    CountsTable(ClassCounts(COUNTS, images, COUNTS + 5000), NAMES, PROVENANCE).save(path)
    _write_mutant(path, path.read_text(encoding='utf-8'), random)
    try:
        table = CountsTable.load(path)
        check_table(table, len(NAMES), NAMES)
    except LtsegError:
        return 'refused'
    counts = table.counts
    (table.ignored + table.cause_of_empty_classes).encode()
    assert len(table.learned.samples) == len(NAMES)
    assert len(counts.samples) == len(NAMES) and bool((counts.samples >= 0).all()) and counts.samples.sum() >= 0
    ClassGroups.tertiles(counts.samples).describe(table.class_names).encode()
    return 'used'


def _write_mutant(path: Path, text: str, random: Random) -> None:
    """Writes the text with its values changed, or with damaged bytes one time in five."""
    if random.random() < 0.2:
        path.write_bytes(mutated_bytes(text.encode(), random))
    else:
        path.write_text(mutated_json(json.loads(text), random), encoding='utf-8')


def check_checkpoint(number: int, folder: Path) -> str:
    """Loads a checkpoint with damaged bytes.

    Returns:
        'refused' or 'used'.

    Raises:
        AssertionError: If it is loaded with another content.
    """
    random, path = Random(number), folder / 'a.pth'
    generator = torch.Generator().manual_seed(number)
    weights = {f'layer{index}.weight': torch.randn(20, 30, generator=generator) for index in range(4)}
    state = {'state': {0: {'momentum_buffer': torch.randn(20, 30, generator=generator)}}, 'param_groups': [{'lr': 0.1}]}
    content = {'meta': {'iter': 7, 'epoch': 0}, 'state_dict': weights, 'optimizer': state, 'message_hub': {}}
    torch.save(content, path)
    path.write_bytes(mutated_bytes(path.read_bytes(), random))
    try:
        loaded = check_content(load_checkpoint_file(path), path)
    except LtsegError:
        return 'refused'
    assert _same(loaded, content), 'a damaged checkpoint was loaded with another content'
    return 'used'


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def check_label(number: int, folder: Path) -> str:
    """Reads a label image with damaged bytes.

    Returns:
        'refused' or 'used'.
    """
    random, path = Random(number), folder / 'label.png'
    Image.fromarray(np.random.default_rng(number).integers(0, 4, (32, 32), np.uint8)).save(path)
    path.write_bytes(mutated_bytes(path.read_bytes(), random))
    try:
        labels = read_labels(str(path))
    except LtsegError:
        return 'refused'
    assert labels.ndim == 2 and labels.dtype == np.uint8
    return 'used'
