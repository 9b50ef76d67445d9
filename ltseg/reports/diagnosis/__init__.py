"""What is wrong with a data set, a config or a trained model, in a few findings with their evidence."""
