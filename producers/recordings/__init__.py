"""Every recording format, one file each; a new file here is found by `producers.formats`."""
