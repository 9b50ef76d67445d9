"""The harness computes what it says, and every benchmark runs."""

import importlib
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'benchmarks'
SCRIPTS = sorted(path.stem for path in FOLDER.glob('*.py') if 'from harness import' in path.read_text(encoding='utf-8'))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Imports a file of the folder as the scripts import each other."""
    monkeypatch.syspath_prepend(str(FOLDER))
    threads = torch.get_num_threads()
    yield importlib.import_module
    torch.set_num_threads(threads)


@pytest.fixture
def harness(load) -> ModuleType:
    return load('harness')


def test_the_ratio_is_the_median_of_the_pairs(harness: ModuleType) -> None:
    pairs = harness.Pairs((2.0, 9.0, 1.0), (4.0, 3.0, 1.0))
    assert pairs.ratios == (0.5, 3.0, 1.0)
    assert pairs.ratio == 1.0 and pairs.spread == (0.75, 2.0)
    assert harness.Pairs((1.0,), (2.0,)).spread == (0.5, 0.5)
    assert pairs.rates(18).ours == (9.0, 2.0, 18.0)


@pytest.mark.parametrize(
    ('quantity', 'target', 'met'),
    [
        ('time', 0.5, True),
        ('time', 0.4, False),
        ('throughput', 0.5, True),
        ('throughput', 0.6, False),
        ('time', None, None),
    ],
)
def test_a_target_is_a_limit_from_above_but_for_throughput(harness: ModuleType, quantity, target, met) -> None:
    result = harness.Result('a case', quantity, harness.Pairs((1.0,), (2.0,)), target)
    assert result.met is met
    assert result.cells()[4] == '0.500' and result.cells()[-1] == {None: '', True: 'yes', False: 'NO'}[met]


def test_sides_take_turns_and_alternate_in_who_begins(harness: ModuleType) -> None:
    calls: list[str] = []
    pairs = harness.in_turns(lambda: calls.append('o'), lambda: calls.append('h'), 3, warm_up=1)
    assert ''.join(calls) == 'ohohhooh'
    assert len(pairs.ours) == len(pairs.reference) == 3


def test_the_peak_is_what_a_run_takes_for_a_while(harness: ModuleType) -> None:
    def prepare(case, side, arguments):
        return lambda: torch.ones(case // 4).add(1).sum()

    arguments = Namespace(device='cpu', threads=1, quick=True, compile=False)
    expected = 2 * 40e6
    assert harness.peak_of(prepare, int(expected / 2), 'ltseg', arguments) == pytest.approx(expected, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize('name', SCRIPTS)
@pytest.mark.filterwarnings('ignore')
def test_runs(load, name: str, capsys: pytest.CaptureFixture[str], mmseg_registered: None) -> None:
    load(name).main(['--quick', '--threads', '1'])
    printed = capsys.readouterr().out
    assert 'ltseg' in printed and 'torch' in printed
    assert name == 'profile_iteration' or 'target' in printed


def test_shares_of_samplers_are_those_of_the_labels(load, tmp_path: Path, mmseg_registered: None) -> None:
    from mmengine.config import Config
    from tiny_runs import cut_down, write_camvid

    module = load('sampled_shares')
    config = Config.fromfile(FOLDER.parent / 'configs/segformer-lite0_ce_camvid.py')
    cut_down(config, write_camvid(tmp_path / 'camvid'), tmp_path)
    table = module.table_of(config, size=16, samples=8)
    assert [row[0] for row in table.rows] == list(module.VARIANTS) and all(len(row) == 5 for row in table.rows)
    values, names = module.shares(config, *module.VARIANTS['uniform'], 16, 8)
    assert sum(values) == pytest.approx(100) and table.header[1] == names[values.index(min(values))]
    plain = sum(values[k] for k in sorted(range(len(names)), key=values.__getitem__)[:4])
    centered = [float(each) for each in table.rows[-1][1:]]
    assert sum(centered) > plain  # all crops are around a rare class
