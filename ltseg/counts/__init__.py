"""Class counts: values, sources, tables, and the head / medium / tail groups made from them."""
