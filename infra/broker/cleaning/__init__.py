"""What becomes of old records, and of old bytes: retention, compaction, the search for damage."""
