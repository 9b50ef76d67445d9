"""A stand-in for the module ``pickle`` that builds values and calls nothing else.

A pickle may name any function to be called while it is loaded. Here exactly the types are allowed that PyTorch, numpy
and mmengine write.
"""

import pickle
from collections.abc import Callable
from typing import Any

import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

__all__ = ['MetaUnpickler', 'Refused', 'SafePickle']

# What checkpoints are made of, by module. None of it does more than build a value.
ALLOWED = {
    'builtins': {'bytearray', 'complex', 'dict', 'float', 'frozenset', 'int', 'list', 'range', 'set', 'slice', 'tuple'},
    'collections': {'Counter', 'OrderedDict', 'defaultdict', 'deque'},
    '_codecs': {'encode'},  # how bytes are written
    'numpy': {'dtype', 'ndarray'},
    'numpy.core.multiarray': {'_reconstruct', 'scalar'},
    'numpy.core.numeric': {'_frombuffer'},
    'torch': {'Size', 'Tensor', 'device'},
    'torch._tensor': {'_rebuild_from_type_v2'},
    'torch._utils': {
        '_rebuild_parameter',
        '_rebuild_parameter_with_state',
        '_rebuild_qtensor',
        '_rebuild_sparse_tensor',
        '_rebuild_tensor',
        '_rebuild_tensor_v2',
        '_rebuild_tensor_v3',
    },
    'torch.nn.parameter': {'Parameter'},
    'torch.serialization': {'_get_layout'},
    'torch.storage': {'TypedStorage', 'UntypedStorage'},
    'mmengine.logging.history_buffer': {'HistoryBuffer'},
}
OLD_MODULES = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}  # of Python 2, which pickle's protocol 2 writes
LONGEST_RANGE = 10**6


class Refused(pickle.UnpicklingError):
    """What a checkpoint has no use for."""


class SafeUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = OLD_MODULES.get(module, module)
        if (module, name) in INSTEAD:
            return INSTEAD[module, name]
        known = module.replace('numpy._core', 'numpy.core')  # numpy 2 moved it
        is_type = name.isidentifier() and (
            (module == 'torch' and _is_value_type(name)) or (module == 'numpy.dtypes' and name.endswith('DType'))
        )
        if not is_type and name not in ALLOWED.get(known, ()):
            raise Refused(f'{module}.{name}')
        for place in (module, known, known.replace('numpy.core', 'numpy._core')):
            try:
                return super().find_class(place, name)
            except ModuleNotFoundError:
                continue
        raise Refused(f'{module}.{name}, which is not installed')


def _is_value_type(name: str) -> bool:
    """Whether torch has a dtype or a type of storage of this name."""
    return name.endswith('Storage') or isinstance(getattr(torch, name, None), torch.dtype)


def _function_of_type(owner: Any, name: str) -> Callable:
    """Stands for ``getattr``, by which log buffers refer to their statistics, and one-cycle schedules to a curve."""
    if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
        return getattr(HistoryBuffer, name)
    if owner is _one_cycle and name in ('_annealing_cos', '_annealing_linear'):
        return getattr(OneCycleParamScheduler, name)
    raise Refused(f'getattr({owner}, {name!r})')


def _one_cycle(*_: Any) -> None:
    """Stands for ``OneCycleParamScheduler``, of which states name functions and which nothing in a file may make."""
    raise Refused(OneCycleParamScheduler.__name__)


def _bytearray(*arguments: Any) -> bytearray:
    """Stands for ``bytearray``, which would make as many zeros as it is told to."""
    if arguments and isinstance(arguments[0], int):
        raise Refused(f'bytearray({arguments[0]})')
    return bytearray(*arguments)


def _range(*arguments: int) -> range:
    """Stands for ``range``, of which ``list`` would make as many numbers as it is told to."""
    made = range(*arguments)
    if len(made) > LONGEST_RANGE:
        raise Refused(f'{made}')
    return made


INSTEAD: dict[tuple[str, str], Any] = {
    ('builtins', 'getattr'): _function_of_type,
    ('builtins', 'bytearray'): _bytearray,
    ('builtins', 'range'): _range,
    (OneCycleParamScheduler.__module__, OneCycleParamScheduler.__name__): _one_cycle,
    ('mmengine.config.config', 'ConfigDict'): dict,  # of a data set's metainfo with dicts inside
}


class MetaUnpickler(SafeUnpickler):
    """Leaves the tensors out, None in their places.

    Example:
        >>> import io, torch, zipfile
        >>> from ltseg.checkpoint_files.safe_pickle import MetaUnpickler
        >>> file = io.BytesIO()
        >>> torch.save({'iter': 7, 'weight': torch.ones(2)}, file)
        >>> MetaUnpickler(zipfile.ZipFile(file).open('archive/data.pkl')).load()
        {'iter': 7, 'weight': None}
    """

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return _no_tensor if module in ('torch._utils', 'torch._tensor') else found

    def persistent_load(self, pid: Any) -> None:
        """A storage."""


def _no_tensor(*_: Any) -> None:
    """Stands for what builds a tensor."""


class SafePickle:
    """Takes the place of the module ``pickle`` in ``torch.load``.

    Example:
        >>> import io, pickle
        >>> from ltseg.checkpoint_files.safe_pickle import SafePickle
        >>> SafePickle.load(io.BytesIO(pickle.dumps({'iter': 7})))
        {'iter': 7}
        >>> try:
        ...     SafePickle.load(io.BytesIO(pickle.dumps(print)))
        ... except pickle.UnpicklingError as error:
        ...     print(error)
        builtins.print
    """

    __name__ = 'pickle'
    Unpickler = SafeUnpickler

    @staticmethod
    def load(file: Any, **options: Any) -> Any:
        return SafeUnpickler(file, **options).load()
