"""Each hot path against a named reference, both measured in the same run."""
