"""Neural collapse and classifier gradients of trained models: the pass over the data, and figures of what it found."""
