"""Training: the loop, its settings and metrics, what a run leaves behind, and the use of what it left.

Knows no backend, only the protocol `netspec.backends.Program`.  `run.run` is the whole way from a network to a run
folder, `loop.train` the loop alone; `checkpoint`, `evaluate` and `predict` work on a weight file.
"""
