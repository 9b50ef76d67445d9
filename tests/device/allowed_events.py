"""What may cost time in an ordinary iteration on a GPU, where, how often, and why: the table of tests/device.

A test fails where there is more, and where a row is no longer true. Kinds are those of ``device_events.KINDS``. A row
of 'wait' or 'upload' is a function, and how often the CPU waits in it in one iteration; a row of 'float64' is a file.
The first iteration may wait more often, because rules look at constant counts in it, and every fiftieth too, because
losses look for values that are not finite. Monitors wait when they look, which is every ``interval`` iterations.
"""

from side_by_side import Allowed


def rows(kind: str, why: str, *places: str, times: int = 1) -> Allowed:
    return {(kind, place): (times, why) for place in places}


EXACT_COUNTS = 'numbers of samples and their sums, which are exact in double precision; few numbers'
PARAMETERS = 'parameters are drawn on the CPU, so that a seed gives the same images on every device'
LISTED = 'a number of the config is copied to the device each time'
BY_VALUE = 'how many there are depends on values'

CROSS_ENTROPY = rows(
    'nondeterministic',
    "PyTorch's cross entropy of maps has no deterministic algorithm on CUDA",
    'backward',
    'core/chunked_cross_entropy.py:forward',
    'core/cross_entropy.py:adjusted_cross_entropy',
    'losses/equalization.py:sample_losses',
    'losses/seesaw.py:sample_losses',
)
UPLOADS_OF_RULES = rows('upload', LISTED, 'rules/class_weights.py:adjustment', 'rules/weighting.py:effective_number')
NORMALISER = rows('float64', EXACT_COUNTS, 'core/reduction.py')
BANDS = rows(
    'float64', 'sums over bands, one number each', 'backward', 'core/fused_upsampling.py', 'losses/logits_loss.py'
)

SAMPLE_LOSSES: Allowed = {
    **CROSS_ENTROPY,
    **UPLOADS_OF_RULES,
    **NORMALISER,
    **rows(
        'float64',
        EXACT_COUNTS,
        'core/shares.py',
        'losses/dot_regression.py',
        'losses/equalization.py',
        'losses/seesaw.py',
        'rules/class_weights.py',
        'rules/label_smoothing.py',
        'rules/margin.py',
        'rules/prior_bias.py',
        'rules/rule.py',
        'rules/temperature.py',
        'rules/weighting.py',
    ),
}
AVERAGE = 'core/reduction.py:reduce_losses'
VIEWS = 'heads/long_tail_cls_head.py:_classified'
VALID_PIXELS = rows('wait', BY_VALUE, 'core/features.py:feature_rows')
SAMPLED = rows('wait', BY_VALUE, 'core/features.py:stratified_sample')

LOSSES: Allowed = {**SAMPLE_LOSSES, **rows('float64', EXACT_COUNTS, 'counts/label_counts.py', 'counts/sources.py')}
HEADS: Allowed = {
    **SAMPLE_LOSSES,
    **BANDS,
    **VALID_PIXELS,
    **SAMPLED,
    **rows('upload', 'avg_factor of MMPretrain, for each of two losses', AVERAGE, times=2),
    **rows('upload', 'views are chosen by a list; in a loss and in a prediction', VIEWS, times=2),
}
REGULARIZERS: Allowed = {
    **SAMPLED,
    **rows('wait', "SciPy's assignment runs on the CPU", 'regularizers/targeted_contrastive.py:step'),
    **rows('upload', "SciPy's assignment runs on the CPU", 'regularizers/targeted_contrastive.py:step'),
}
METRICS: Allowed = rows(
    'wait', 'labels, predictions and confidences are kept on the CPU', 'metrics/long_tail_accuracy.py:_columns', times=3
)
MODELS: Allowed = {
    **rows('nondeterministic', 'bilinear upsampling of UNetNeck has no deterministic backward on CUDA', 'backward'),
    **NORMALISER,
    **rows('float64', EXACT_COUNTS, 'models/remix.py'),
    **rows('upload', 'avg_factor of MMPretrain, for each of two losses', AVERAGE, times=2),
    **rows('upload', 'views are chosen by a list; in a loss and in a prediction', VIEWS, times=2),
    **rows('upload', PARAMETERS, 'models/remix.py:forward'),
    **rows('upload', PARAMETERS, 'datasets/batch_transforms.py:__call__', times=6),
    **rows('upload', PARAMETERS, 'datasets/batch_colours.py:__call__', times=33),
    **rows('upload', PARAMETERS, 'datasets/batch_policies.py:_operated', times=40),
    **rows('upload', LISTED, 'datasets/image_operations.py:affine', times=7),
    **rows('upload', LISTED, 'datasets/image_operations.py:grey', times=9),
    **rows('upload', LISTED, 'datasets/image_operations.py:hue', times=4),
    **rows('upload', LISTED, 'datasets/image_operations.py:sharpness', times=2),
}
TRAINING: Allowed = {
    **rows('nondeterministic', 'as in losses', 'backward', 'core/chunked_cross_entropy.py:forward'),
    **NORMALISER,
    **BANDS,
    **VALID_PIXELS,
    **rows('float64', EXACT_COUNTS, 'rules/prior_bias.py', 'rules/rule.py', 'rules/weighting.py'),
    **rows('upload', LISTED, 'rules/weighting.py:effective_number'),
    **rows('upload', 'avg_factor of MMPretrain', AVERAGE),
    **rows('upload', 'views are chosen by a list', VIEWS),
    **rows('upload', PARAMETERS, 'datasets/batch_transforms.py:__call__', times=2),
    **rows('wait', 'SkippingOptimWrapper looks at every loss before the step', 'hooks/stop_on_nan.py:update_params'),
}
