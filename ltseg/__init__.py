"""Long-tailed (class-imbalanced) semantic segmentation on MMSegmentation, and the classification benchmarks beside it.

The map of the package, from the lowest floor up; a file imports from lower floors only:

    core/       pure torch: the adjusted cross entropy, its reduction, confusion matrices, features, figures of
                neural collapse, checks
    registry    registries with scope ``ltseg``; compat: cures for known host faults; schedules: weights that change
    rules/      one long-tail method = one rule: class counts -> adjustment of the softmax
    counts/     class counts: of the batch, of a data set, moving, from a table; groups of classes
    losses/     ``LongTailLoss`` applies rules; its presets carry the names of the papers
                regularizers/: terms on features, class means and class vectors beside a loss
    heads/      ``LongTailSegHead``: any decode head of the host, with another classifier and regularizers
    metrics/    ``LongTailIoU``, ``LongTailAccuracy``: exact per-class rates as real metrics
    datasets/   street scenes, CamVid, CIFAR, long-tailed parts, list files, samplers, augmentation of batches
    hooks/      counting before training, exact resume
    reports/    tables of one run and of many; page/: the report as one HTML page

Any config can say ``type='ltseg.ARBLoss'``: mmengine imports ``ltseg.registry`` by itself on meeting the scope.
"""

__version__ = '0.1.0'
