"""What was measured with each config of a repository, from the run records in its docs/runs."""

from pathlib import Path

from mmengine.config import Config

from ltseg.cli.labels.run_labels import labels_of
from ltseg.cli.stages import stages_of
from ltseg.reports.method import Method, measured
from ltseg.reports.runs import find_runs
from ltseg.reports.settings import seeds_together

__all__ = ['config_labels', 'config_results']


def config_results(root: Path) -> dict[str, list[Method]]:
    """The results on test splits by config ('configs/unet_ce_camvid.py'), those of the longest training runs last.

    A run whose changed settings make another method, model or data set of its config is no result of it, and post-hoc
    adjustment is none either.
    """
    groups = seeds_together(find_runs([root / 'docs/runs'], 'test'))
    found: dict[str, list[Method]] = {}
    for method in (measured(runs, runs[0].record.evaluation) for runs in groups):
        config, settings = method.runs[0].record.config, method.runs[0].record.settings
        if not method.is_posthoc and config_labels(root / config, settings) == config_labels(root / config):
            found.setdefault(config, []).append(method)
    return {config: sorted(methods, key=_length) for config, methods in found.items()}


def config_labels(path: Path, settings: dict | None = None) -> dict[str, str]:
    """The 'method', 'model' and 'dataset' of a config, with some settings changed."""
    config = Config.fromfile(path)
    config.merge_from_dict(dict(settings or {}))
    config.work_dir = path.stem
    return labels_of(stages_of(config))


def _length(method: Method) -> int:
    return method.runs[0].record.iterations or 0
