"""Every view, one a file; a new file here is found by `projections.views`.

The folder is not called like that function: a subpackage takes its name in the package.
"""
