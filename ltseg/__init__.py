"""Long-tailed (class-imbalanced) semantic segmentation on MMSegmentation, and the classification benchmarks beside it.

The map of the package, from the lowest layer up; a file imports from lower layers only:

    core/          pure torch: the adjusted cross entropy, whole or upsampled on the way, and its reduction; confusion
                   matrices, calibration, post-hoc adjustment; features, class means, figures of neural collapse
    registry       registries with scope ``ltseg``; compat: workarounds for known faults of installations; schedules:
                   weights that change; checkpoint_files: loading them without running what is in them;
                   nested_datasets: data sets inside wrappers, built or in configs; config_parts: walks through configs
    counts/        class counts: of the batch, of a data set, moving, from a table; groups of classes; what is ignored
    rules/         one long-tail method = one rule: class counts -> adjustment of the softmax
    losses/        ``LongTailLoss`` applies rules; its presets carry the names of the papers; of masks, of regions
    regularizers/  terms on features, class means and class vectors beside a loss
    heads/         ``LongTailSegHead``, ``LongTailClsHead``: MMSegmentation's, with other classifiers and regularizers;
                   how queries of masks are matched
    models/        what MMSegmentation and MMPretrain lack: timm's encoders, U-Net's decoder, ResNet for CIFAR, several
                   views, branches and experts, Remix
    metrics/       ``LongTailIoU``, ``LongTailAccuracy``: exact per-class rates as real metrics
    datasets/      street scenes, CamVid, CIFAR, long-tailed parts, list files, samplers, pasting, augmentation of
                   batches
    trained/       trained models: evaluated over tau, measured; features of a frozen backbone kept on the disk
    hooks/         counting before training, rules that begin late, training of a part, exact resume, monitors
    reports/       tables of one run and of many, and numbers of papers; figures/: what is drawn, and how; page/: the
                   report as one HTML page; collapse/: neural collapse; diagnosis/: findings and what to try
    environment    what is installed, and what to do about each fault
    cli/           the commands ``ltseg train``, ``ltseg test``, ..., which tools/*.py start too, and what they share:
                   configs, stages, checks before training, one message for each fault; choosing/: which
                   loss for these data; sweeping/: options over many values

Any config can say ``type='ltseg.ARBLoss'``: mmengine imports ``ltseg.registry`` by itself on meeting the scope.
"""

__version__ = '0.1.0'
