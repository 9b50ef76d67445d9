"""Methods that ``ltseg choose`` compares, and those that a config adds."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hinted import hinted
from mmengine.config import Config
from plain_segmentation import stripes, write_images, write_plain_config
from rich.console import Console

from ltseg.cli.choose import command
from ltseg.cli.choose.command import check_task, finish, main
from ltseg.cli.choose.methods import candidates


def test_a_config_adds_methods_of_its_own() -> None:
    hinted('E.g. choose=dict(mine=dict(', lambda: candidates(['mine'], {'choose': {'mine': 'ltseg.FocalLoss'}}))
    focal = {'loss_decode': {'type': 'ltseg.FocalLoss', 'gamma': 3.0}}
    _, mine = candidates(['mine'], {'choose': {'mine': focal}})
    assert mine.loss == focal['loss_decode']


def test_a_model_with_a_backbone_and_one_decode_head_is_compared() -> None:
    head = {'type': 'FCNHead'}
    several = {'default_scope': 'mmseg', 'model': {'backbone': {}, 'decode_head': [head, head]}}
    hinted('Choose with another model of the same backbone:', lambda: check_task(Config(several)))
    check_task(Config({'default_scope': 'mmseg', 'model': {'backbone': {}, 'decode_head': head}}))


def test_cross_entropy_that_trains_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmseg_registered: None
) -> None:
    monkeypatch.setattr(command, 'process_pool', ThreadPoolExecutor)  # which starts at once
    methods = candidates(['arb'], {})
    hinted('Mend what its line says.', lambda: finish(methods, [], Config(), tmp_path, Console()))
    write_images(tmp_path / 'data', stripes((0.6, 0.3, 0.1), (0, 1, 2)))
    config = write_plain_config(tmp_path)
    few = '--methods arb --seeds 1 --iterations 2 --variants 1 --batch-size 2 --workers 1'
    main([str(config), *few.split()])
    assert (tmp_path / 'work_dirs/run/choose/chosen.py').is_file()
