"""A finding, its text on the terminal and its form in JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ltseg.core.checks import check_choice

__all__ = ['Finding', 'listed', 'named', 'plain', 'print_findings', 'sorted_findings']

SEVERITIES = {'error': 'bold red', 'warning': 'yellow', 'note': 'cyan'}  # with their style
SHOWN = 6  # classes or pairs that a text lists


@dataclass(frozen=True)
class Finding:
    """Something that matters.

    Args:
        kind: A word for programs, e.g. 'never_predicted'.
        severity: 'error' for what makes results wrong, 'warning' for what costs quality, 'note' for what to know.
        title: What was found, a phrase.
        evidence: The numbers that show it, whole sentences.
        advice: What to try, whole sentences.
        classes: Names of the classes that it is about.
    """

    kind: str
    severity: str
    title: str
    evidence: str
    advice: str
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice('Finding.severity', self.severity, tuple(SEVERITIES))


def named(names: Sequence[str], classes: Iterable[int]) -> tuple[str, ...]:
    """The names of some of the classes."""
    return tuple(names[k] for k in classes)


def listed(parts: Sequence[str]) -> str:
    """The first of ``parts`` after each other, and how many more there are."""
    more = f' and {len(parts) - SHOWN} more' if len(parts) > SHOWN else ''
    return ', '.join(parts[:SHOWN]) + more


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """What matters the most first; otherwise in the order given."""
    return sorted(findings, key=lambda finding: tuple(SEVERITIES).index(finding.severity))


def plain(findings: Sequence[Finding], looked_at: Sequence[str]) -> dict[str, Any]:
    """Plain JSON values."""
    return {'kind': 'ltseg diagnosis', 'looked_at': list(looked_at), 'findings': list(map(asdict, findings))}


def print_findings(findings: Sequence[Finding], looked_at: Sequence[str], console: Console) -> None:
    """Prints each finding with its evidence and what to try."""
    console.print(Text(f'Looked at {"; ".join(looked_at)}.'))
    for finding in findings:
        console.print()
        console.print(Text.assemble((f'{finding.severity}: ', SEVERITIES[finding.severity]), (finding.title, 'bold')))
        console.print(Padding(Text(finding.evidence), (0, 0, 0, 2)))
        console.print(Padding(Text.assemble(('Try: ', 'italic'), finding.advice), (0, 0, 0, 2)))
    if not findings:
        console.print('Nothing found that would explain poor results.')
