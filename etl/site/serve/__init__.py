"""`ispy1 serve`: the site, and what needs a server: the console and the viewer. Reads only."""
