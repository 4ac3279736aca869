"""What things are: errors, schemas, names, the project, its files."""
