"""One module per file format. It knows no table."""
