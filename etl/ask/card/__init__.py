"""What people look at: the dataset card (card.py) and its picture (picture.py)."""
