"""The built-in layers, a file a family: each definition owns every fact and number of its layer.

No NumPy and no torch here: how the numbers are computed is the backends' part.
"""
