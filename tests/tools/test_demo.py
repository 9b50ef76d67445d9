import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = runpy.run_path(str(ROOT / 'tools/demo.py'))['commands'](7, Path('out'))


def test_every_tool_and_config_of_the_demonstration_exists() -> None:
    named = {word for step in COMMANDS for word in step if word.endswith('.py')}
    assert {'tools/train.py', 'configs/deeplabv3plus_arb_minicity.py'} <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_both_methods_get_the_same_training_and_are_compared_and_reported() -> None:
    trainings = [step for step in COMMANDS if step[0] == 'tools/train.py']
    ce, arb = ([word.replace('arb', 'ce') for word in step] for step in trainings)
    assert ce == arb and 'train_cfg.max_iters=7' in ce
    assert COMMANDS[-2][:3] == ['tools/compare_runs.py', 'out/ce', 'out/arb']
    assert COMMANDS[-1][:3] == ['tools/report.py', 'out/ce', 'out/arb'] and COMMANDS[-1][-1] == 'out/report.html'
