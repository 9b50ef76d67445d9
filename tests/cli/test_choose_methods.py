"""Methods that ``ltseg choose`` compares, and those that a config adds."""

from hinted import hinted

from ltseg.cli.choose.methods import candidates


def test_a_config_adds_methods_of_its_own() -> None:
    hinted('E.g. choose=dict(mine=dict(', lambda: candidates(['mine'], {'choose': {'mine': 'ltseg.FocalLoss'}}))
    focal = {'loss_decode': {'type': 'ltseg.FocalLoss', 'gamma': 3.0}}
    _, mine = candidates(['mine'], {'choose': {'mine': focal}})
    assert mine.loss == focal['loss_decode']
