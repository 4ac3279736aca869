"""From values to words: tables, numbers and files as people and machines read them."""
