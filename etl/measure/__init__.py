"""Arrays in, numbers out. Knows no file and no table."""
