"""What columns of a comparison are called, so that no two are called the same."""

from collections.abc import Sequence

from ltseg.reports.method import Method
from ltseg.reports.settings import differences_of

__all__ = ['distinguishing', 'full_name', 'label_of', 'setting_parts']


def setting_parts(methods: Sequence[Method], vary: bool) -> list[int]:
    """Which of model, data set and split differ between methods, or which do not."""
    known = [{method.setting[part] for method in methods} - {''} for part in range(3)]
    return [part for part, values in enumerate(known) if (len(values) > 1) == vary]


def distinguishing(method: Method, methods: Sequence[Method]) -> dict[str, str]:
    """The settings that tell a method from others of the same name, model, data set and split; empty without others."""
    same = [other for other in methods if other.runs and (other.name, other.setting) == (method.name, method.setting)]
    places = [place for place, other in enumerate(same) if other.runs == method.runs]
    if len(same) < 2 or not places:
        return {}
    return differences_of([other.runs[0].record for other in same])[places[0]]


def label_of(method: Method, methods: Sequence[Method]) -> str:
    """The name, what of model, data set and split varies, and in brackets the settings that set it apart."""
    parts = filter(None, (method.name, *(method.setting[part] for part in setting_parts(methods, vary=True))))
    settings = ', '.join(f'{key} {value}' for key, value in distinguishing(method, methods).items())
    return ', '.join(parts) + (f' [{settings}]' if settings else '')


def full_name(method: Method) -> str:
    """The name with the settings that its label has, without model, data set and split."""
    return method.name + (f' [{settings}' if (settings := method.label.partition(' [')[2]) else '')
