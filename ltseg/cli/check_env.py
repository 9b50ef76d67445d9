"""Prints the versions that matter and names each fault of the installation with what to do.

Exits with 1 if there is a fault, with 0 otherwise.
"""

from collections.abc import Sequence

from ltseg.cli.parser import command_parser
from ltseg.environment.advice import Advice, findings
from ltseg.environment.installed import MODULES, Environment, examine


def print_report(found: Environment, named: list[Advice]) -> None:
    """Plain text, because rich may be what is missing."""
    for module in ('python', 'ltseg', *(module for module in MODULES if module != 'ltseg.compat')):
        provided = ', '.join(found.distributions.get(module, ()))
        print(f'{module:<12} {found.versions.get(module, "missing"):<14} {provided}')
    print(f'{"CUDA":<12} {found.cuda_build or "CPU build":<14} {found.cuda_devices} device(s)')
    for finding in named:
        print(f'\n{"FAULT" if finding.is_fault else "Note"}: {finding.what}\n  Hint: {finding.hint}')
    if not any(finding.is_fault for finding in named):
        print('\nNo fault found.')


def main(arguments: Sequence[str] | None = None) -> int:
    command_parser(__doc__).parse_args(arguments)
    found = examine()
    named = findings(found)
    print_report(found, named)
    return int(any(finding.is_fault for finding in named))
