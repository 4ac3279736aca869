"""What other engines make of the exports: each needs packages that `make engines` installs."""
