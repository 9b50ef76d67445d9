"""Rare classes get several queries: against brute force, around a stand-in and around MMDetection's assigner."""

import itertools
import math
import warnings
from types import SimpleNamespace

import pytest
import torch
from hinted import hinted
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import nn

from ltseg.core.errors import WrongStateError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable
from ltseg.heads import FrequencyBasedAssigner, queries_of_classes
from ltseg.registry import TASK_UTILS

IMAGES, NUMBER = [9000, 11, 4], 10000  # 1, 2 and 2 queries: 2 sqrt(3 / 11) = 1.04, 2 sqrt(3 / 4) = 1.7


class Hungarian:
    """One query for each segment, at the lowest sum of ``-p_y``, with the signature of MMDetection's."""

    def assign(self, pred_instances, gt_instances, img_meta=None):
        rows, columns = linear_sum_assignment(cost(pred_instances.scores, gt_instances.labels))
        gt_inds, labels = torch.zeros(len(pred_instances), dtype=torch.long), torch.full((len(pred_instances),), -1)
        gt_inds[rows] = torch.from_numpy(columns) + 1
        labels[rows] = gt_instances.labels[columns]
        return SimpleNamespace(num_gts=len(gt_instances), gt_inds=gt_inds, labels=labels)


def cost(scores, labels):
    return -scores.softmax(1)[:, labels]


@pytest.fixture(params=['stand-in', 'mmdet'])
def inner(request):
    if request.param == 'stand-in':
        return Hungarian()
    pytest.importorskip('mmdet')
    return dict(type='mmdet.HungarianAssigner', match_costs=[dict(type='mmdet.ClassificationCost', weight=1.0)])


def instances(queries, labels, seed=0):
    scores = torch.randn(queries, len(IMAGES) + 1, generator=torch.Generator().manual_seed(seed))
    return InstanceData(scores=scores), InstanceData(labels=torch.tensor(labels, dtype=torch.long))


def test_the_numbers_of_queries_are_those_of_the_formula():
    shares = torch.logspace(-5, 0, 50, dtype=torch.float64)
    for s, t in ((2.0, 3e-4), (1.0, 1e-3)):
        expected = [math.ceil(max(1, s * math.sqrt(t / share))) for share in shares.tolist()]
        assert queries_of_classes(shares, s, t).tolist() == expected
    assert queries_of_classes(torch.tensor([2.0**-12]), 2.0, 2.0**-12).tolist() == [2]  # not rounded up from 2


@pytest.mark.parametrize('labels', [[0, 1], [1, 2], [0, 0, 1], [2]])
def test_copies_of_segments_are_matched_at_the_lowest_cost(inner, labels):
    copies = [place for place, label in enumerate(labels) for _ in range([1, 2, 2][label])]
    for seed in range(3):
        queries, segments = instances(6, labels, seed)
        found = FrequencyBasedAssigner(inner, counts=IMAGES, num_images=NUMBER).assign(queries, segments)
        costs = cost(queries.scores, segments.labels)
        sums = [costs[list(rows), copies].sum() for rows in itertools.permutations(range(6), len(copies))]
        matched = found.gt_inds > 0
        of_found = costs[matched, found.gt_inds[matched] - 1].sum()
        torch.testing.assert_close(of_found, min(sums))
        assert sorted((found.gt_inds[matched] - 1).tolist()) == copies and found.num_gts == len(labels)
        assert (found.labels[matched] == segments.labels[found.gt_inds[matched] - 1]).all()


def test_frequent_classes_are_matched_as_without_it(inner):
    queries, segments = instances(7, [0, 1, 2])
    plain = TASK_UTILS.build(inner) if isinstance(inner, dict) else inner
    expected = plain.assign(queries, segments).gt_inds
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        found = FrequencyBasedAssigner(inner, counts=[9, 9, 8], num_images=9).assign(queries, segments)
    assert found.gt_inds.tolist() == expected.tolist()


def test_there_may_be_no_segments_and_fewer_queries_than_copies(inner):
    matcher = FrequencyBasedAssigner(inner, counts=IMAGES, num_images=NUMBER)
    assert matcher.assign(*instances(7, [])).gt_inds.tolist() == [0] * 7
    assert (matcher.assign(*instances(2, [2])).gt_inds == 1).all()


def test_the_counts_of_a_data_set_are_filled_as_those_of_losses(tmp_path):
    head = nn.Module()
    head.num_classes, head.assigner = len(IMAGES), FrequencyBasedAssigner(Hungarian())  # as MMDetection's head has it
    queries, segments = instances(7, [2])
    with pytest.raises(WrongStateError, match='CountClasses'):
        head.assigner.assign(queries, segments)
    pixels, images = torch.tensor([10**6] * 3), torch.tensor(IMAGES)
    table = CountsTable(ClassCounts(pixels, images, pixels), ('a', 'b', 'c'), {'files': NUMBER})
    (waiting,) = [module for module in head.modules() if getattr(module, 'waiting', False)]
    waiting.fill(table)
    assert (head.assigner.assign(queries, segments).gt_inds == 1).sum() == 2
    table.save(tmp_path / 'table.json')
    read = FrequencyBasedAssigner(Hungarian(), counts=str(tmp_path / 'table.json'))
    assert (read.assign(queries, segments).gt_inds == 1).sum() == 2


def test_what_is_no_count_of_a_data_set_is_refused():
    hinted("Use counts='dataset'.", lambda: FrequencyBasedAssigner(Hungarian(), counts='batch'))
    with pytest.raises(ValueError, match='counts of a data set'):
        FrequencyBasedAssigner(Hungarian(), counts='sampled')
    assert FrequencyBasedAssigner(Hungarian(), counts='dataset').counts.waiting
    hinted('Give num_images, or a table made by ltseg count.', lambda: FrequencyBasedAssigner(Hungarian(), counts=[1]))
    assert FrequencyBasedAssigner(Hungarian(), counts=[1], num_images=2).num_images == 2
    for number in (-5, 8):  # fewer images than there are with a class
        with pytest.raises(ValueError, match='FrequencyBasedAssigner.num_images'):
            FrequencyBasedAssigner(Hungarian(), counts=[9, 1], num_images=number)


def test_it_says_where_it_changes_nothing():
    def said(threshold):
        matcher = FrequencyBasedAssigner(Hungarian(), threshold=threshold, counts=[90, 40, 30], num_images=100)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            for _ in range(2):
                matcher.assign(*instances(7, [0, 2]))
        return [str(warning.message) for warning in caught]

    hinted('Raise threshold above ', lambda: said(3e-4))
    (text,) = said(3e-4)
    assert text.endswith('0.075.') and not said(0.076)
