"""What is decided and done: services that read the log and append to it."""
