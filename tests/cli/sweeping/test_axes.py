"""The options of a sweep: what the command line says, and what a config has."""

from typing import Any

import pytest
from hinted import hinted
from mmengine.config import Config

from ltseg.cli.sweeping.axes import Axis, axis_faults, parse_axes, value_text
from ltseg.core.errors import UsageError

pytestmark = pytest.mark.usefixtures('mmseg_registered')
HEAD = dict(
    type='ltseg.LongTailSegHead', head_type='FCNHead', channels=8, num_classes=3,
    loss_decode=[dict(type='ltseg.LogitAdjustedLoss'), dict(type='ltseg.ClassBalancedLoss', beta=0.999)],
)  # fmt: skip
CONFIG = Config(
    dict(
        default_scope='mmseg',
        model=dict(decode_head=HEAD),
        train_dataloader=dict(batch_size=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
    )
)
LOSSES = 'model.decode_head.loss_decode'


def faults(key: str, *values: Any) -> list[str]:
    return list(axis_faults(CONFIG, Axis(key, values)))


@pytest.mark.parametrize(('text', 'values'), [
    ('0,0.5, 1e-3', (0, 0.5, 1e-3)),
    ('batch,dataset', ('batch', 'dataset')),
    ("'0',0", ('0', 0)),
    ('[1,2],[[3,4],5],None', ([1, 2], [[3, 4], 5], None)),
    ('true,False,1', (True, False, 1)),
    ("{'a': 1, 'b': 2}", ({'a': 1, 'b': 2},)),
])  # fmt: skip
def test_values_are_those_of_python_and_texts(text: str, values: tuple) -> None:
    (axis,) = parse_axes([f'a.b={text}'])
    assert axis == Axis('a.b', values) and list(map(type, axis.values)) == list(map(type, values))


@pytest.mark.parametrize('text', ['a', 'a=', '=1', 'a=1,,2', 'a=1,'])
def test_another_form_is_refused(text: str) -> None:
    hinted('E.g. --over model.decode_head.loss_decode.tau=0,0.5,1.', lambda: parse_axes([text]))
    assert parse_axes(['model.decode_head.loss_decode.tau=0,0.5,1'])[0].values == (0, 0.5, 1)


@pytest.mark.parametrize('text', ['a=1,2,1.0', 'a=b,c,b', 'a=[1],[1]'])
def test_values_that_occur_twice_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match='twice'):
        parse_axes([text])


def test_an_option_has_all_of_its_values_in_one_place() -> None:
    hinted('List all of its values behind one --over.', lambda: parse_axes(['a=1', 'b=1', 'a=2']))
    assert len(parse_axes(['a=1,2', 'b=1'])) == 2


def test_texts_of_values() -> None:
    assert [*map(value_text, (0.5, 1e-05, 3, 'batch', None, [1, 2]))] == [
        '0.5',
        '1e-05',
        '3',
        'batch',
        'None',
        '[1, 2]',
    ]


@pytest.mark.parametrize(('key', 'value'), [
    (f'{LOSSES}.0.tau', 0.5),  # a default
    (f'{LOSSES}.1.beta', '1-1/N'),  # a number in the config, and a text by its annotation
    (f'{LOSSES}.0.type', 'ltseg.VSLoss'),
    ('model.decode_head.channels', 16),
    ('model.decode_head.dropout_ratio', 0.2),  # of the head that it is made from
    ('model.decode_head.regularizers', [dict(type='ltseg.CenterLoss')]),
    ('train_dataloader.batch_size', 4),
    ('optim_wrapper.optimizer.nesterov', True),
])  # fmt: skip
def test_options_that_the_config_or_a_type_has(key: str, value: Any) -> None:
    assert not faults(key, value)


@pytest.mark.parametrize(('key', 'message'), [
    (f'{LOSSES}.0.taux', f"an option of {LOSSES}.0, got 'taux'. Did you mean 'tau'?"),
    (f'{LOSSES}.2.tau', f"an option of {LOSSES}, got '2'."),
    (f'{LOSSES}.0.tau.more', f"an option of {LOSSES}.0.tau, got 'more'."),
    ('modle.decode_head', "an option of the config, got 'modle'. Did you mean 'model'?"),
    ('optim_wrapper.optimizer.nesterow', "Did you mean 'nesterov'?"),
    ('train_dataloader.batchsize', "Did you mean 'batch_size'?"),
])  # fmt: skip
def test_options_that_do_not_exist_are_named(key: str, message: str) -> None:
    (fault,) = faults(key, 1, 2)
    assert fault.startswith(f'--over {key}: expected') and message in fault


@pytest.mark.parametrize(('key', 'value', 'expected'), [
    (f'{LOSSES}.0.tau', 'abc', 'a number, like 1.0'),
    (f'{LOSSES}.0.tau', True, 'a number'),
    (f'{LOSSES}.0.type', 3, 'a text'),
    (LOSSES, 3, 'a list'),
    ('model.decode_head', 3, 'a dict'),
    ('model.decode_head.align_corners', 3, 'True or False, like False'),
])  # fmt: skip
def test_values_of_another_type_are_named(key: str, value: Any, expected: str) -> None:
    (fault,) = faults(key, value)
    assert expected in fault and repr(value) in fault
