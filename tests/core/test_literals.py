"""Configs are read as values; nothing in them is run, and what is no value is left out alone."""

import math

import pytest
from mmengine.config import Config

from ltseg.core.literals import literal_settings

INFINITE = math.inf
CALL = '__import__("os").abort()'


def test_a_config_that_mmengine_dumped_comes_back_whole() -> None:
    values = {
        'model': {'type': 'A', 'sizes': [(1, 2), [3]], 'none': None, 'yes': True, 'part': {'lr': -1e-3, 'empty': {}}},
        'keys': {1: 'one', 'with space': {'a': 1}},
        'words': 'a "quoted" \\ text\nin two lines',
        'hooks': [{'type': 'B'}, {'type': 'C', 'nested': [{'d': (0.5,)}]}],
    }
    config = Config(values)
    assert literal_settings(config.pretty_text) == config.to_dict() == values


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        (f'a = 1\n{CALL}\nb = 2', {'a': 1, 'b': 2}),
        (f'a = dict(b={CALL}, c=3)', {'a': {'c': 3}}),
        (f'a = {{"b": {CALL}, "c": 3, {CALL}: 4}}', {'a': {'c': 3}}),
        (f'a = [1, {CALL}]\nb = 2', {'b': 2}),
        (f'a = [dict(b={CALL}, c=3)]', {'a': [{'c': 3}]}),
        ('a = dict(**b, c=3)\nd = {**b, "c": 3}', {'a': {'c': 3}, 'd': {'c': 3}}),
        ('a = b = 1\na.b = 1\na[0] = 1\na += 1\nc, d = 1, 2', {}),
        ('import os\nfrom os import path\ndef f(): pass\nif True:\n    a = 1', {}),
        ('a = lambda: 1\nb = f"{1}"\nc = x\nd = 2 ** 10', {}),
        (
            'a = [inf, -inf]\nb = dict(c=inf, d=infinity)',
            {'a': [float('inf'), -float('inf')], 'b': {'c': float('inf')}},
        ),
        ('a = {-1: 2, (1, 2): 3, inf: 4}', {'a': {-1: 2, (1, 2): 3, INFINITE: 4}}),
        ('a = {[1]: 2, 3: 4, None: 5}', {'a': {3: 4, None: 5}}),
        ('a = dict(1)\nb = -"a"\nc = -dict(d=1)\ne = {(1, [2]): 3}', {'e': {}}),
        ('a = -x\nb = -inf', {'b': -INFINITE}),
        ('a = ' + '-' * 50_000, {}),
        ('a = (', {}),
        ('\x00', {}),
        ('a = ' + '(' * 10**5, {}),
        ('a = ' + '-' * 10**5 + '1', {}),
        ('a = ' + '[' * 150 + ']' * 150, {'a': eval('[' * 150 + ']' * 150)}),
        (3, {}),
    ],
)
def test_what_is_no_literal_is_left_out(text: str, expected: dict) -> None:
    assert literal_settings(text) == expected


def test_nan_is_a_literal() -> None:
    (value,) = literal_settings('a = -nan').values()
    assert math.isnan(value)
