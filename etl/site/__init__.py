"""The site: pages of the release, its cases, its verdict and its words; and the server of it."""
