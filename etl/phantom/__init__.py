"""A synthetic release in the exact form of the real one, and the truth about it.

It shares no code with `etl.measure`: the truth comes from the implicit functions and the
quadrature of this package, so that agreement between the two is evidence.
"""
