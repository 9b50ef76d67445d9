"""What is loaded from checkpoint files, and what is refused before it does anything."""

import os
import pickle
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from small_training import Network, training
from torch import nn

from ltseg.checkpoint_files.content import check_content, meta_of
from ltseg.checkpoint_files.for_mmengine import use_for_all_files
from ltseg.checkpoint_files.loading import CheckpointError, load_checkpoint_file, trusted_files


class Calls:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


@pytest.fixture
def mmengine_loads_safely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())
    use_for_all_files()


def same(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return (
            isinstance(second, dict) and first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, HistoryBuffer):
        return all(map(np.array_equal, first.data, second.data)) and first.current() == second.current()
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second) and first.dtype == second.dtype
    return bool(np.array_equal(first, second))


def test_a_checkpoint_of_a_runner_is_loaded_whole(tmp_path: Path) -> None:
    hooks = {'type': 'EMAHook'}, {'type': 'ltseg.ExactResume'}
    training(tmp_path, Network(), *hooks, epochs=1, param_scheduler={'type': 'LinearLR', 'end': 3}).train()
    path = tmp_path / 'epoch_1.pth'
    expected = torch.load(path, weights_only=False)
    assert {'message_hub', 'optimizer', 'param_schedulers', 'ema_state_dict'} <= expected.keys()
    assert expected['message_hub']['log_scalars']
    assert same(load_checkpoint_file(path), expected)


ARGUMENTS = {  # of schedules that cannot do without
    'ConstantLR': {'factor': 0.5},
    'CosineAnnealing': {'T_max': 5},
    'CosineRestart': {'periods': [5], 'eta_min': 0.0},
    'Exponential': {'gamma': 0.9},
    'MultiStep': {'milestones': [1], 'gamma': 0.1},
    'OneCycle': {'eta_max': 0.1, 'total_steps': 5},
    'StepLR': {'step_size': 1},
    'StepMomentum': {'step_size': 1},
    'StepParam': {'step_size': 1},
}


def schedule(kind: type) -> Any:
    given: dict[str, Any] = {}
    for start, arguments in ARGUMENTS.items():
        given |= arguments if kind.__name__.startswith(start) else {}
    if kind.__name__.endswith('ParamScheduler'):
        given['param_name'] = 'lr'
    return kind(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9), **given)


@pytest.mark.parametrize('kind', sorted({*PARAM_SCHEDULERS.module_dict.values()}, key=str), ids=lambda k: k.__name__)
def test_the_state_of_every_schedule_comes_back(kind: type, tmp_path: Path) -> None:
    state = schedule(kind).state_dict()
    torch.save({'state_dict': {}, 'param_schedulers': [state]}, tmp_path / 'a.pth')
    (loaded,) = load_checkpoint_file(tmp_path / 'a.pth')['param_schedulers']
    assert same(loaded, state)
    schedule(kind).load_state_dict(loaded)
    assert meta_of(tmp_path / 'a.pth')[0] == {}


def test_nested_metainfo_of_a_data_set_comes_back_as_plain_dicts(tmp_path: Path) -> None:
    metainfo = ConfigDict(classes=('a', 'b'), source={'name': 'survey', 'years': [2019, {'of': 2020}]})
    torch.save({'state_dict': {}, 'meta': {'dataset_meta': metainfo}}, tmp_path / 'a.pth')
    for meta in (load_checkpoint_file(tmp_path / 'a.pth')['meta'], meta_of(tmp_path / 'a.pth')[0]):
        loaded = meta['dataset_meta']
        assert loaded == metainfo.to_dict()
        assert type(loaded) is dict and type(loaded['source']) is dict and type(loaded['source']['years'][1]) is dict


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before-1.6'])
def test_values_of_every_kind_come_back(zipped: bool, tmp_path: Path) -> None:
    content = {
        'state_dict': nn.Linear(2, 3).half().state_dict(),
        'parameter': nn.Parameter(torch.ones(2)),
        'tensors': [torch.zeros(2, dtype=torch.bfloat16), torch.arange(3), torch.eye(2).to_sparse().to_dense()],
        'sparse': torch.eye(3, dtype=torch.float64).to_sparse(),
        'array': np.arange(3, dtype=np.int16),
        'number': np.float64(0.5),
        'plain': [1, 2.5, 1j, True, None, 'text', b'bytes', (1,), {1, 2}, frozenset([3]), slice(1, 2)],
        'dtype': torch.float16,
        'size': torch.Size([1, 2]),
    }
    path = tmp_path / 'a.pth'
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    loaded = load_checkpoint_file(str(path))
    assert isinstance(loaded['parameter'], nn.Parameter)
    assert torch.equal(loaded.pop('sparse').to_dense(), content.pop('sparse').to_dense())
    for key in ('plain', 'dtype', 'size'):
        assert loaded.pop(key) == content.pop(key)
    assert same(loaded, content)


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before-1.6'])
@pytest.mark.parametrize(
    ('function', 'arguments'),
    [
        (os.mkdir, ()),
        (eval, ('__import__("os").mkdir({!r})',)),
        (getattr, (os, 'mkdir')),
        (getattr, (HistoryBuffer, '__init__')),
        (getattr, (OneCycleParamScheduler, 'build_iter_from_epoch')),
        (OneCycleParamScheduler, ()),
        (torch.load, ()),
        (np.load, ()),
        (torch.hub.load_state_dict_from_url, ()),
    ],
    ids=lambda value: getattr(value, '__name__', None),
)
def test_calls_are_refused_before_they_are_made(function: Any, arguments: tuple, zipped: bool, tmp_path: Path) -> None:
    path, made = tmp_path / 'a.pth', tmp_path / 'made'
    given = [value.format(str(made)) if isinstance(value, str) else value for value in arguments] or [str(made)]
    content = Calls(function, *given)
    if given[0] is os:  # a module has no pickle
        content = Calls(getattr, Calls(__import__, 'os'), 'mkdir')
    torch.save({'state_dict': {}, 'meta': content}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        CheckpointError, match=r'a\.pth: expected tensors, numbers and text, got .*--trust-files loads this one'
    ):
        load_checkpoint_file(path)
    assert not made.exists()


def test_dotted_names_of_a_newer_protocol_are_refused(tmp_path: Path) -> None:
    """Protocol 4 can name what is inside of an object that is allowed."""
    for module, name in (('torch', 'serialization.os.system'), ('torch', 'hub.os.Storage'), ('numpy', 'ndarray.dump')):
        codes = b'\x80\x04' + b''.join(pickle.SHORT_BINUNICODE + bytes([len(x)]) + x.encode() for x in (module, name))
        path = tmp_path / 'a.pth'
        torch.save({}, path)
        with zipfile.ZipFile(path) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        with zipfile.ZipFile(path, 'w') as archive:
            for each, value in members.items():
                archive.writestr(each, codes + pickle.STACK_GLOBAL + b'.' if each.endswith('data.pkl') else value)
        with pytest.raises(CheckpointError, match='expected tensors, numbers and text'):
            load_checkpoint_file(path)


def test_a_compressed_file_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    """torch writes none."""
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': {'weight': torch.zeros(2**20)}}, path)
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for each, value in members.items():
            archive.writestr(each, value)
    with pytest.raises(CheckpointError, match=r'a\.pth: expected a checkpoint, got a compressed zip file'):
        load_checkpoint_file(path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': {'weight': torch.arange(1000.0)}}, path)
    content = bytearray(path.read_bytes())
    position = content.index(torch.arange(1000.0).numpy().tobytes()) + 2000
    content[position] ^= 1
    (tmp_path / 'flipped.pth').write_bytes(content)
    (tmp_path / 'cut.pth').write_bytes(content[:-100])
    (tmp_path / 'text.pth').write_text('no checkpoint')
    (tmp_path / 'empty.pth').touch()
    torch.jit.script(nn.Linear(1, 1)).save(tmp_path / 'program.pth')
    for name in ('flipped', 'cut', 'text', 'empty', 'program'):
        with pytest.raises(CheckpointError, match=rf'{name}\.pth: expected a checkpoint, got'):
            load_checkpoint_file(tmp_path / f'{name}.pth')
    hinted(
        'The file is damaged or incomplete: copy it again, or take another checkpoint.',
        lambda: load_checkpoint_file(tmp_path / 'cut.pth'),
    )
    assert torch.equal(load_checkpoint_file(path)['state_dict']['weight'], torch.arange(1000.0))
    with pytest.raises(FileNotFoundError, match='expected a file'):
        load_checkpoint_file(tmp_path / 'none.pth')


@pytest.mark.usefixtures('mmengine_loads_safely')
def test_mmengine_loads_local_files_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where ``torch.load`` loads weights only by default, which mmengine 0.10.7 does not know."""
    runner = training(tmp_path, Network(), epochs=1)
    runner.train()
    original = torch.load
    monkeypatch.setattr(torch, 'load', lambda *args, **options: original(*args, **{'weights_only': True} | options))
    resumed = training(tmp_path, Network(), epochs=2, resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    resumed.train()
    assert resumed.epoch == 2
    torch.save({'state_dict': {}, 'meta': Calls(os.mkdir, str(tmp_path / 'made'))}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError):
        load_checkpoint(nn.Linear(1, 1), str(tmp_path / 'a.pth'))
    assert not (tmp_path / 'made').exists()


@pytest.fixture
def website(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and its address; PyTorch's cache of downloads is elsewhere."""
    folder = tmp_path / 'website'
    folder.mkdir()
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield folder, f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures('mmengine_loads_safely')
@pytest.mark.parametrize('by_mmengine', [True, False])
def test_downloads_are_loaded_safely(website: tuple[Path, str], by_mmengine: bool, tmp_path: Path) -> None:
    folder, address = website
    load = CheckpointLoader.load_checkpoint if by_mmengine else load_checkpoint_file
    torch.save({'weight': torch.arange(9.0)}, folder / 'good.pth')
    assert torch.equal(load(f'{address}/good.pth')['weight'], torch.arange(9.0))
    torch.save({'state_dict': {}, 'meta': Calls(os.mkdir, str(tmp_path / 'made'))}, folder / 'bad.pth')
    with pytest.raises(CheckpointError, match=rf'{address}/bad\.pth.*got posix\.mkdir.*--trust-files'):
        load(f'{address}/bad.pth')
    assert not (tmp_path / 'made').exists()
    content = (folder / 'good.pth').read_bytes()
    (folder / 'damaged.pth').write_bytes(content.replace(torch.ones(1).numpy().tobytes(), b'\0\0\0\1'))
    with pytest.raises(CheckpointError, match=r"/damaged\.pth: .*wrong checksum of .*Remove '.*hub.*damaged\.pth'"):
        load(f'{address}/damaged.pth')
    hinted(', such that it is downloaded again.', lambda: load_checkpoint_file(f'{address}/damaged.pth'))
    (folder / 'damaged.pth').write_bytes(content)
    (tmp_path / 'hub/checkpoints/damaged.pth').unlink()
    assert torch.equal(load(f'{address}/damaged.pth')['weight'], torch.arange(9.0))
    with trusted_files():
        load(f'{address}/bad.pth')
    assert (tmp_path / 'made').exists()


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before-1.6'])
def test_loaders_of_other_schemes_become_safe(zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of object storage, which hands bytes to ``torch.load``."""
    monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())

    def load_from_store(filename: str, map_location: Any = None) -> Any:
        content = (tmp_path / filename.removeprefix('store://')).read_bytes()
        return torch.load(BytesIO(content), map_location=map_location, weights_only=False)

    CheckpointLoader.register_scheme('store://', load_from_store)
    use_for_all_files()
    use_for_all_files()  # every command does
    torch.save({'weight': torch.ones(3)}, tmp_path / 'good.pth', _use_new_zipfile_serialization=zipped)
    assert same(CheckpointLoader.load_checkpoint('store://good.pth'), {'weight': torch.ones(3)})
    bad = {'state_dict': {}, 'meta': Calls(os.mkdir, str(tmp_path / 'made'))}
    torch.save(bad, tmp_path / 'bad.pth', _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r'store://bad\.pth: expected tensors.*posix\.mkdir'):
        CheckpointLoader.load_checkpoint('store://bad.pth')
    assert not (tmp_path / 'made').exists()
    assert torch.load(tmp_path / 'good.pth').keys() == {'weight'}  # torch.load is what it was


def test_an_address_without_a_file_is_one_error(website: tuple[Path, str]) -> None:
    for address in (f'{website[1]}/none.pth', 'open-mmlab://no_such_model'):
        with pytest.raises(CheckpointError, match=rf'{address}: expected weights that can be loaded'):
            load_checkpoint_file(address)


@pytest.mark.usefixtures('mmengine_loads_safely')
def test_resuming_does_not_run_the_config_in_a_checkpoint(tmp_path: Path) -> None:
    """``Runner.resume`` hands the text to ``Config.fromstring``, which runs it."""
    training(tmp_path, Network(), epochs=1).train()
    content = load_checkpoint_file(tmp_path / 'epoch_1.pth')
    made = tmp_path / 'made'
    (tmp_path / 'base.py').write_text(f'__import__("os").mkdir({str(made)!r})')
    for program in (f'__import__("os").mkdir({str(made)!r})', f'_base_ = {str(tmp_path / "base.py")!r}'):
        torch.save(content | {'meta': content['meta'] | {'config': program}}, tmp_path / 'sent.pth')
        resumed = training(tmp_path, Network(), epochs=2, resume=True, load_from=str(tmp_path / 'sent.pth'))
        resumed.train()
        assert resumed.epoch == 2 and not made.exists()
    with trusted_files():
        training(tmp_path, Network(), epochs=2, resume=True, load_from=str(tmp_path / 'sent.pth')).train()
    assert made.exists()


@pytest.mark.usefixtures('mmengine_loads_safely')
def test_another_number_of_gpus_is_still_noticed(tmp_path: Path) -> None:
    training(tmp_path, Network(), epochs=1).train()
    content = load_checkpoint_file(tmp_path / 'epoch_1.pth')
    torch.save(content | {'meta': content['meta'] | {'config': 'gpu_ids = range(0, 2)'}}, tmp_path / 'a.pth')
    training(tmp_path, Network(), epochs=2, resume=True, load_from=str(tmp_path / 'a.pth')).train()
    torch.save(content | {'meta': content['meta'] | {'config': 'gpu_ids = [0, 1]'}}, tmp_path / 'b.pth')
    with pytest.raises(RuntimeError, match='Number of GPUs'):
        training(tmp_path, Network(), epochs=2, resume=True, load_from=str(tmp_path / 'b.pth')).train()


def test_trust_ends_with_its_block(tmp_path: Path) -> None:
    torch.save({'meta': Calls(os.mkdir, str(tmp_path / 'made'))}, tmp_path / 'a.pth')
    hinted('Only load files that you trust: ', lambda: load_checkpoint_file(tmp_path / 'a.pth'))
    with trusted_files(False), pytest.raises(CheckpointError):
        load_checkpoint_file(tmp_path / 'a.pth')
    with trusted_files():
        load_checkpoint_file(tmp_path / 'a.pth')
    assert (tmp_path / 'made').exists()
    with pytest.raises(CheckpointError):
        load_checkpoint_file(tmp_path / 'a.pth')


@pytest.mark.parametrize(
    'content', [Calls(bytearray, 10**10), Calls(list, Calls(range, 10**10))], ids=['bytearray', 'range']
)
def test_small_files_stay_small(content: Any, tmp_path: Path) -> None:
    torch.save({'state_dict': {}, 'meta': content}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='expected tensors, numbers and text'):
        load_checkpoint_file(tmp_path / 'a.pth')


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.pth'
    torch.save({'weight': torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for each, value in members.items():
            archive.writestr(each, value)
    assert path.stat().st_size < 20_000
    with pytest.raises(CheckpointError, match=r'got a compressed zip file\. Save it with torch\.save'):
        load_checkpoint_file(path)
    hinted('Save it with torch.save.', lambda: load_checkpoint_file(path))
    torch.save({'weight': torch.zeros(10**6)}, path)
    assert load_checkpoint_file(path)['weight'].shape == (10**6,)


def test_no_damage_goes_unnoticed(tmp_path: Path) -> None:
    """Flipped bits and zeroed pages anywhere in a file: refused, or it makes no difference."""
    weights = {f'layer{index}': torch.randn(40, 50) for index in range(4)}
    expected = {'meta': {'iter': 7}, 'state_dict': weights, 'optimizer': {'state': {0: torch.randn(100)}}}
    torch.save(expected, tmp_path / 'whole.pth')
    whole, random = (tmp_path / 'whole.pth').read_bytes(), Random(0)
    refused = 0
    for number in range(300):
        damaged, position = bytearray(whole), random.randrange(len(whole))
        if number % 3:
            damaged[position] ^= 1 << random.randrange(8)
        else:
            damaged[position : position + 4096] = bytes(len(damaged[position : position + 4096]))
        (tmp_path / 'damaged.pth').write_bytes(damaged)
        try:
            assert same(load_checkpoint_file(tmp_path / 'damaged.pth'), expected)
        except CheckpointError:
            refused += 1
    assert refused > 250


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1], 'a list, no checkpoint'),
        ({'state_dict': [1]}, 'state_dict'),
        ({'state_dict': {}, 'meta': 'text'}, 'meta: expected a dict, got a str'),
        ({'state_dict': {}, 'meta': {'iter': 'x'}}, "iter: expected a number of at least 0, got 'x'"),
        ({'state_dict': {}, 'meta': {'iter': -5}}, 'iter: expected a number of at least 0, got -5'),
        ({'state_dict': {}, 'message_hub': 3}, 'message_hub: expected a dict, got a int'),
        ({1: torch.ones(1)}, 'weights by their names'),
    ],
)
def test_other_content_is_named(content: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        check_content(content, 'a.pth')


def test_another_checkpoint_is_loaded(tmp_path: Path) -> None:
    damaged = lambda: check_content({'state_dict': {}, 'meta': 'text'}, 'a.pth')  # noqa: E731
    hinted('The file is damaged or incomplete: copy it again, or take another checkpoint.', damaged)
    assert check_content({'state_dict': {}, 'meta': {}}, 'a.pth') == {'state_dict': {}, 'meta': {}}


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before-1.6'])
def test_meta_data_without_the_tensors(zipped: bool, tmp_path: Path) -> None:
    path, ema = tmp_path / 'a.pth', nn.Parameter(torch.ones(3).half())
    content = {'meta': {'iter': 3, 'dtype': torch.float16}, 'state_dict': {'a': ema, 'b': torch.eye(2).to_sparse()}}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert meta_of(path) == ({'iter': 3, 'dtype': torch.float16}, frozenset({'meta', 'state_dict'}))
    torch.save(content | {'meta': Calls(os.mkdir, str(tmp_path / 'made'))}, path)
    with pytest.raises(CheckpointError):
        meta_of(path)
    assert not (tmp_path / 'made').exists()


def test_meta_data_of_a_runner(tmp_path: Path) -> None:
    training(tmp_path, Network(), {'type': 'EMAHook'}, epochs=1).train()
    meta, parts = meta_of(tmp_path / 'epoch_1.pth')
    whole = load_checkpoint_file(tmp_path / 'epoch_1.pth')
    assert same(meta, whole['meta']) and meta['iter'] == 2 and parts == whole.keys()
