"""ONNX: a network as a graph that other programs run.  It is written, not run: the backend has no `compile`."""
