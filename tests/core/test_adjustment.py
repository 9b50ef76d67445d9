"""Two adjustments of the same logits are one."""

import pytest
import torch
from hinted import hinted

from ltseg.core.adjustment import Adjustment

FIELDS = ('bias', 'margin', 'scale', 'weight', 'smoothing')
FIRST, SECOND = torch.tensor([3.0, 0.5]), torch.tensor([-2.0, 5.0])


@pytest.mark.parametrize(
    ('field', 'expected'),
    [('bias', [1.0, 5.5]), ('margin', [1.0, 5.5]), ('scale', [-6.0, 2.5]), ('weight', [-6.0, 2.5])],
)
def test_biases_and_margins_add_and_factors_multiply(field: str, expected: list[float]) -> None:
    both = Adjustment(**{field: FIRST}) & Adjustment(**{field: SECOND})
    assert getattr(both, field).tolist() == expected
    assert all(getattr(both, other) is None for other in FIELDS if other != field)


@pytest.mark.parametrize('field', FIELDS)
def test_a_term_of_one_alone_is_kept(field: str) -> None:
    one, nothing = Adjustment(**{field: FIRST}), Adjustment()
    for both in (one & nothing, nothing & one):
        assert getattr(both, field) is FIRST
        assert all(getattr(both, other) is None for other in FIELDS if other != field)


def test_labels_are_smoothed_once() -> None:
    with pytest.raises(ValueError, match='Adjustment: expected one rule that smooths labels, got two'):
        Adjustment(smoothing=FIRST) & Adjustment(smoothing=SECOND)
    hinted('Remove one of them.', lambda: Adjustment(smoothing=FIRST) & Adjustment(smoothing=SECOND))
    assert (Adjustment(smoothing=FIRST) & Adjustment()).smoothing is FIRST


def test_terms_move_together() -> None:
    moved = Adjustment(bias=FIRST, weight=SECOND).to(torch.device('meta'), torch.float64)
    for term in (moved.bias, moved.weight):
        assert term is not None and term.device.type == 'meta' and term.dtype == torch.float64
    assert moved.margin is None and moved.scale is None and moved.smoothing is None
