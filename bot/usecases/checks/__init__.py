"""What is read to verify access, and how it is put together: one file per place that is asked."""
