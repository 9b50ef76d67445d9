"""What the benchmarks share: runs in turns, peak memory of a fresh process, and a table that says what was reached."""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import ctypes
import gc
import json
import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.version import __version__
from rich import box
from rich.console import Console
from rich.table import Table

Run = Callable[[], Any]
Prepare = Callable[..., Run]
"""(case, side, arguments) -> what is measured; ``side`` is 'ltseg' or 'reference'. Workers import it by its module."""

IGNORED = 255
SIDES = ('ltseg', 'reference')
warnings.filterwarnings('ignore', category=UserWarning, module=r'mm(cv|seg)\.')  # also in workers
KEEP_NO_FREED_PAGES = (-3, 65536)  # mallopt(M_MMAP_THRESHOLD, bytes): larger blocks go back to the system when freed
COMPILED_WARM_UP = 10  # PyTorch compiles a function anew at most eight times


@dataclass(frozen=True)
class Pairs:
    """The same quantity of both sides, measured in turns.

    Args:
        ours: Of ltseg.
        reference: Of what it is compared with; number i was measured beside number i of ``ours``.
    """

    ours: tuple[float, ...]
    reference: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours / reference of each pair: what slows the machine down for a while slows both."""
        return tuple(ours / reference for ours, reference in zip(self.ours, self.reference, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """First and third quartile of the ratios."""
        first, _, third = quantiles(self.ratios, n=4, method='inclusive') if len(self.ratios) > 1 else self.ratios * 3
        return first, third

    def rates(self, number: int) -> 'Pairs':
        """How many of ``number`` each second, of seconds for all of them."""
        return Pairs(*(tuple(number / seconds for seconds in side) for side in (self.ours, self.reference)))


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Args:
        what: The case.
        quantity: 'time', 'memory' or 'throughput'.
        pairs: Seconds, bytes, or files per second.
        target: The ratio to reach; None for a row that only informs.
    """

    what: str
    quantity: str
    pairs: Pairs
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the ratio is at most ``target``, for a throughput at least."""
        if self.target is None:
            return None
        return self.pairs.ratio >= self.target if self.quantity == 'throughput' else self.pairs.ratio <= self.target

    def cells(self) -> list[str]:
        """The row as text."""
        shown = {'time': '{:.2f} ms', 'memory': '{:.1f} MB', 'throughput': '{:.1f} / s'}[self.quantity]
        factor = {'time': 1e3, 'memory': 1e-6, 'throughput': 1.0}[self.quantity]
        ours, reference = (shown.format(factor * median(values)) for values in (self.pairs.ours, self.pairs.reference))
        low, high = self.pairs.spread
        sign = '>=' if self.quantity == 'throughput' else '<='
        target = '' if self.target is None else f'{sign} {self.target:g}'
        met = {None: '', True: 'yes', False: 'NO'}[self.met]
        spread = f'{low:.3f}-{high:.3f}'
        return [self.what, self.quantity, ours, reference, f'{self.pairs.ratio:.3f}', spread, target, met]


def arguments_of(description: str | None, given: Sequence[str] | None, **defaults: Any) -> argparse.Namespace:
    """The options of every benchmark; sets the number of threads and the seed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cpu', help='cpu, or cuda')
    parser.add_argument('--amp', choices=('none', 'bfloat16', 'float16'), default='none', help='autocast to this type')
    parser.add_argument('--compile', action='store_true', help='compile both sides with torch.compile')
    parser.add_argument('--pairs', type=int, default=defaults.get('pairs', 15), help='runs of each side, in turns')
    parser.add_argument('--threads', type=int, default=2, help='threads of torch on the CPU')
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--only', default='', help='measure the cases whose name contains this')
    parser.add_argument('--quick', action='store_true', help='tiny shapes, to see whether it runs')
    parser.add_argument('--record', type=Path, metavar='FOLDER', help='write the table there as JSON too')
    arguments = parser.parse_args(given)
    arguments.pairs = 2 if arguments.quick else arguments.pairs
    start(arguments)
    return arguments


def start(arguments: argparse.Namespace) -> None:
    """What a process needs before anything is measured in it."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)


def autocast(arguments: argparse.Namespace) -> AbstractContextManager:
    """The precision that --amp asks for."""
    if arguments.amp == 'none':
        return nullcontext()
    return torch.autocast(torch.device(arguments.device).type, getattr(torch, arguments.amp))


def loss_of_head(
    head: Any, logits_shape: Sequence[int], labels_shape: Sequence[int], arguments: argparse.Namespace
) -> Run:
    """``loss_by_feat`` and backward to logits of low resolution; labels of a sixteenth of the rows are ignored."""
    from mmseg.structures import SegDataSample

    head = head.to(arguments.device)
    dtype = torch.float32 if arguments.amp == 'none' else getattr(torch, arguments.amp)  # what the convolution gives
    logits = torch.randn(tuple(logits_shape), device=arguments.device).to(dtype).requires_grad_()
    samples = []
    for _ in range(logits_shape[0]):
        labels = torch.randint(logits_shape[1], (1, *labels_shape), device=arguments.device)
        labels[:, : max(labels_shape[0] // 16, 1)] = IGNORED
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels)))
    loss_of = torch.compile(head.loss_by_feat) if arguments.compile else head.loss_by_feat

    def run() -> None:
        with autocast(arguments):
            losses = loss_of(logits, samples)
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        logits.grad = None

    return run


def compare(
    what: str,
    prepare: Prepare,
    case: Any,
    arguments: argparse.Namespace,
    time_target: float | None = None,
    memory_target: float | None = None,
    warm_up: int = 2,
) -> list[Result]:
    """Time, and peak memory over what was there before the run, of both sides of a case that --only asks for."""
    if arguments.only not in what:
        return []
    ours, reference = (prepare(case, side, arguments) for side in SIDES)
    warm_up = COMPILED_WARM_UP if arguments.compile else warm_up
    seconds = in_turns(ours, reference, arguments.pairs, arguments.device, warm_up)
    del ours, reference
    peaks = Pairs(*((peak_of(prepare, case, side, arguments),) for side in SIDES))
    return [Result(what, 'time', seconds, time_target), Result(what, 'memory', peaks, memory_target)]


def in_turns(ours: Run, reference: Run, pairs: int, device: str = 'cpu', warm_up: int = 2) -> Pairs:
    """Seconds of runs in turns; which side begins alternates."""
    for run in (ours, reference) * warm_up:
        run()
    gc.collect()
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(pairs):
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            seconds[side].append(seconds_of((ours, reference)[side], device))
    return Pairs(tuple(seconds[0]), tuple(seconds[1]))


def seconds_of(run: Run, device: str = 'cpu') -> float:
    """Wall time of one run, until the device has finished."""
    _wait(device)
    begin = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - begin


def peak_of(prepare: Prepare, case: Any, side: str, arguments: argparse.Namespace) -> float:
    """Bytes that a run takes beyond what was there before it; of a fresh process for the CPU."""
    if arguments.quick or arguments.device != 'cpu':
        return _peak(prepare, case, side, arguments)
    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
        return pool.submit(_peak, prepare, case, side, arguments).result()


def _peak(prepare: Prepare, case: Any, side: str, arguments: argparse.Namespace) -> float:
    on_cpu = arguments.device == 'cpu'
    if on_cpu:
        library = ctypes.CDLL(None)
        library.mallopt(*KEEP_NO_FREED_PAGES)
    start(arguments)
    run = prepare(case, side, arguments)
    for _ in range(COMPILED_WARM_UP if arguments.compile else 1):  # what is made once: threads, kernels, momentum
        run()
    gc.collect()
    if not on_cpu:
        _wait(arguments.device)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        _wait(arguments.device)
        return torch.cuda.max_memory_allocated() - before
    library.malloc_trim(0)
    Path('/proc/self/clear_refs').write_text('5')  # the peak starts anew from what is resident now
    before = _resident('VmRSS')
    run()
    return _resident('VmHWM') - before


def _resident(field: str) -> float:
    found = re.search(rf'{field}:\s+(\d+) kB', Path('/proc/self/status').read_text())
    if found is None:
        raise RuntimeError(f'/proc/self/status has no {field}: peak memory is measured on Linux only')
    return 1024.0 * int(found[1])


def _wait(device: str) -> None:
    if device != 'cpu':
        torch.cuda.synchronize()


HEADER = ('case', 'what', 'ltseg', 'reference', 'ratio', 'middle half', 'target', 'met')


def show(title: str, results: Sequence[Result], arguments: argparse.Namespace) -> None:
    """Prints the table, with the machine and versions that it was measured on, and writes the file of --record."""
    table, rows = Table(*HEADER, box=box.MARKDOWN), [result.cells() for result in results]
    for row in rows:
        table.add_row(*row)
    how = f'{machine(arguments)}; {arguments.pairs} runs of each side in turns'
    console = Console(width=200, highlight=False)
    console.print(f'\n{title}', style='bold')
    console.print(how, soft_wrap=True)
    console.print(table)
    if arguments.record is not None:
        content = {'kind': 'ltseg benchmark', 'title': title, 'how': how, 'header': HEADER, 'rows': rows}
        name = '-'.join(re.findall('[a-z0-9]+', f'{title} {arguments.amp} {"compiled" * arguments.compile}'.lower()))
        arguments.record.mkdir(parents=True, exist_ok=True)
        (arguments.record / f'{name}.json').write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


def machine(arguments: argparse.Namespace) -> str:
    """Device, threads and versions in a line."""
    device = f'{_processor()}, {os.cpu_count()} cores'
    if arguments.device != 'cpu':
        device = f'{torch.cuda.get_device_name()} beside {device}'
    options = f'{torch.get_num_threads()} threads, amp {arguments.amp}' + ', compiled' * arguments.compile
    return f'{device}; {options}; torch {torch.__version__}, mmseg {__version__}, Python {platform.python_version()}'


def _processor() -> str:
    with open('/proc/cpuinfo') as file:
        found = re.search(r'model name\s*: (.*)', file.read())
    return found[1] if found else platform.processor()
