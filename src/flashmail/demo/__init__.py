"""A first look: the whole way of a brief on one machine, with invented people."""
