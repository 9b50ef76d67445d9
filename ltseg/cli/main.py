"""The command ``ltseg``, which starts the others."""

import sys
from collections.abc import Sequence
from importlib import import_module

import ltseg

__all__ = ['COMMANDS', 'main']

COMMANDS = {
    'train': 'train a model from a config',
    'test': 'evaluate a checkpoint: per-class report as table, CSV, JSON and Markdown',
    'report': 'write one HTML page about runs',
    'compare': 'put runs side by side, class by class',
    'diagnose': 'say what matters in the data, the losses and the results of a config, and what to try',
    'adjust': 'adjust the logits of a trained model over many tau',
    'collapse': 'measure neural collapse of trained models',
    'count': "count the classes in the labels of a config's data set",
    'check': 'check a config without training',
    'configs': 'list the configs that come with ltseg',
    'cp': 'copy a config, with its bases, to change it',
    'check-env': 'check the installation',
    'minicity': 'write generated street scenes',
    'prepare-cityscapes': "make labelTrainIds from Cityscapes' official labels",
}


def usage() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f'  {name:<{width}}{what}' for name, what in COMMANDS.items()]
    return '\n'.join(['usage: ltseg COMMAND ...', '', *lines, '', 'ltseg COMMAND --help says what a command takes.'])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ['--help']
    if name in ('-h', '--help'):
        print(usage())
        return 0
    if name == '--version':
        print(f'ltseg {ltseg.__version__}')
        return 0
    if name not in COMMANDS:
        from ltseg.core.checks import near

        print(f'error: ltseg has no command {name!r}. {near(name, COMMANDS)}\n\n{usage()}', file=sys.stderr)
        return 2
    sys.argv = [f'ltseg {name}', *rest]  # what the usage of the command shows
    return int(import_module(f'ltseg.cli.{name.replace("-", "_")}').main(rest) or 0)
