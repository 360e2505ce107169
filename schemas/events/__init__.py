"""Every event, one subject a file; a new file here is found by `schemas.catalogue`."""
