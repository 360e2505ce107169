"""What a working copy of evctl needs beside pip: system packages, schema files, generated pages."""
