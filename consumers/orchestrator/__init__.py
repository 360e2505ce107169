"""What runs the survey: where the telescope can point, what the sky does, which shot is next."""
