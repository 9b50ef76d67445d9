"""What reports call the method, the model and the data set of a training run, read off its resolved config.

run_labels  all three, and what a config or the command line says instead
method      losses, classifier, regularizers, mixed images, sampling and hooks, over all stages
model       head and backbone
data        data sets, through wrappers
part        the label of one ``dict(type=...)``: the short name of its class and what departs from the defaults
known       names of MMSegmentation's, MMPretrain's and mmengine's types
"""
