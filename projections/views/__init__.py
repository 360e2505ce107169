"""Every view, one a file; a new file here is found by `projections.views`."""
