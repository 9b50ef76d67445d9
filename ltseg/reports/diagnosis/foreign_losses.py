"""Findings about MMSegmentation's own losses on regions, of which ltseg has other forms."""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from ltseg.reports.diagnosis.finding import Finding

__all__ = ['foreign_loss_findings']

DICE = 'Use ltseg.DiceLoss: it has a term for each class present, and none for ignored pixels.'
LOVASZ = 'Use ltseg.LovaszLoss: images and batches without a labelled pixel add 0 to it.'


def foreign_loss_findings(model: nn.Module, counts: Tensor, names: Sequence[str], ignored: float) -> Iterator[Finding]:
    """What MMSegmentation's DiceLoss and LovaszLoss make of rare classes and ignored pixels.

    Args:
        model: With the losses of the config.
        counts: Training samples of each class, (K,).
        names: Of the classes.
        ignored: Share of the training pixels that is ignored.
    """
    found: dict[str, str] = {}
    for key, loss in model.named_modules():
        if type(loss).__module__.startswith('mmseg.'):
            found.setdefault(type(loss).__name__, key)  # auxiliary heads have the same
    if 'DiceLoss' in found and (present := counts[counts > 0]).numel():
        rarest = int((counts == present.min()).nonzero()[0])
        share = (present.min().double() / present.sum()).item()
        evidence = f'A prediction that misses nothing but {names[rarest]} costs {share:.2g}, the share of its pixels'
        evidence += f', where ltseg.DiceLoss has 1 / {len(present)}.'
        if ignored:
            evidence += f' Ignored pixels, {ignored:.1%} of all, are in its sums, where any prediction is wrong.'
        title = f'DiceLoss in {found["DiceLoss"]} takes all classes as one'
        yield Finding('foreign_loss', 'warning', title, evidence, DICE, (names[rarest],))
    if 'LovaszLoss' in found and ignored:
        title = f'LovaszLoss in {found["LovaszLoss"]} has no value without labelled pixels'
        evidence = f'{ignored:.1%} of the pixels are ignored. A batch of them alone gives nan'
        evidence += ', and with per_image=True an image of them alone stops training.'
        yield Finding('foreign_loss', 'warning', title, evidence, LOVASZ)
