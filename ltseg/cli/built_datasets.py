"""The data sets of a config, each built once for all checks before a run."""

from copy import deepcopy
from typing import Any

from mmengine.config import Config

from ltseg.cli.data_files import build_readable
from ltseg.counts.data_set_counts import build_dataset
from ltseg.nested_datasets import dataset_config

__all__ = ['BuiltDatasets']


class BuiltDatasets:
    """Data sets as the run builds them, made when they are first asked for, since each lists its files again.

    Splits and stages with the same data set share it.
    """

    def __init__(self) -> None:
        self._built: list[tuple[dict, Any, Exception | None]] = []

    def readable(self, config: Config, split: str) -> Any:
        """The data set of a split; without its pipeline where only that cannot be built.

        Raises:
            LtsegError: If its data cannot be read.
        """
        return self._of(config, split)[0]

    def loading(self, config: Config, split: str) -> Any:
        """The data set of a split with its pipeline, which names files that cannot be loaded.

        Raises:
            Exception: Any that the constructors of its pipeline raise.
        """
        dataset, fault = self._of(config, split)
        if fault is not None:
            raise fault
        return dataset

    def _of(self, config: Config, split: str) -> tuple[Any, Exception | None]:
        wanted = dataset_config(config, split) or {}
        for built_from, dataset, fault in self._built:
            if built_from == wanted:
                return dataset, fault
        self._built.append((deepcopy(wanted), *_build(f'{split}_dataloader.dataset', wanted)))
        return self._built[-1][1:]


def _build(where: str, config: dict[str, Any]) -> tuple[Any, Exception | None]:
    from ltseg.datasets.named_files import name_files  # imports MMSegmentation, which may be broken

    try:
        dataset = build_dataset(config, with_pipeline=True)
    except Exception as error:  # of the data or of a transform, of any package
        return build_readable(where, config), error
    name_files(dataset)
    return dataset, None
