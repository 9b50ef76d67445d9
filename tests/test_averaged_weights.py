"""The config with mmengine's EMAHook: its averages are validated and saved, and go on after a resume."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from tiny_runs import cut_down, quick_runners, write_camvid

from ltseg.cli.runner import build_runner

pytestmark = pytest.mark.usefixtures('mmseg_registered')

CONFIG = Path(__file__).parents[1] / 'configs/segformer-lite0_ema_camvid.py'
WEIGHT, STATISTICS = 'decode_head.conv_seg.weight', 'decode_head.fusion_conv.bn.running_mean'


class Validated(Hook):
    """Keeps what the model is validated with."""

    priority = 'LOW'  # behind EMAHook

    def __init__(self) -> None:
        self.found: list[dict[str, torch.Tensor]] = []

    def before_val_epoch(self, runner: Any) -> None:
        state = runner.model.state_dict()
        self.found.append({name: state[name].clone() for name in (WEIGHT, STATISTICS)})


def train(data: Path, work_dir: Path, iterations: int, resume: bool = False) -> tuple[list[dict], list[dict]]:
    """The checkpoint of every iteration, and what was validated."""
    config = Config.fromfile(CONFIG)
    cut_down(config, data, work_dir)
    config.train_cfg.max_iters, config.default_hooks.checkpoint.max_keep_ckpts = iterations, -1
    config.resume, config.experiment_name = resume, f'{work_dir}{resume}'
    runner, validated = build_runner(config), Validated()
    runner.register_hook(validated)
    runner.train()
    saved = [torch.load(work_dir / f'iter_{i + 1}.pth', weights_only=False) for i in range(iterations)]
    return saved, validated.found


@pytest.mark.slow
def test_averages_are_validated_saved_and_resumed(tmp_path: Path) -> None:
    data = write_camvid(tmp_path / 'data')
    with quick_runners():
        saved, validated = train(data, tmp_path / 'whole', 3)
        train(data, tmp_path / 'parts', 2)
        resumed, _ = train(data, tmp_path / 'parts', 3, resume=True)
    for name in (WEIGHT, STATISTICS):
        averaged = saved[0]['state_dict'][name]
        for step, (checkpoint, of_validation) in enumerate(zip(saved, validated, strict=True)):
            trained = checkpoint['ema_state_dict'][f'module.{name}']
            averaged = trained if step == 0 else averaged.lerp(trained, 10 / (10 + step))
            torch.testing.assert_close(checkpoint['state_dict'][name], averaged)
            torch.testing.assert_close(of_validation[name], averaged)
        assert not torch.equal(averaged, trained)
    for part in ('state_dict', 'ema_state_dict'):
        torch.testing.assert_close(resumed[-1][part], saved[-1][part], rtol=0, atol=0)
