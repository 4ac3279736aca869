"""`dvc push` and `dvc pull`: a folder, an S3 server and an SSH server, all on this machine."""
