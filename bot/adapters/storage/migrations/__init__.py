"""The schema, step by step: each file in `versions/` leads from one revision to the next."""
