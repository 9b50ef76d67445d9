"""Reports: the record that a run leaves, tables of one run and of many, and figures."""
