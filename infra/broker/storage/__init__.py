"""What lies on the disk: topics, their partitions, segments of record batches, and recovery."""
