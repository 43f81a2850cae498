"""The NumPy interpreter against ONNX's own node tests, which come with the `onnx` package.

Each case of ONNX is one node with its inputs and the outputs that are expected of it.  An adapter turns the node into
one layer of the language (for a loss or an optimiser: one setting of `train:`), with weights made from the node's
inputs, runs it on the backend `numpy` and gives its outputs in ONNX's layout:

- `cases` collects all cases of an operator; none is left out by its name;
- `layers` runs one layer; `images`, `sequences`, `entries`, `training` hold the adapters of their operators, which
  translate conventions (the order of gates, the padding of `auto_pad`, which axis is the batch) and do no arithmetic of
  the operator's own;
- `judging` says what became of a case: it passes, or the language has no word for it, with a reason, which has to be
  the one in `listed.txt`.  Numbers that differ are never a reason;
- `python -m tests.onnx_nodes` prints the table, and `test_nodes.py` holds every case to the list.

An adapter reads every attribute and every input of its node: one that it does not know is a failure, so that nothing is
passed over in silence.
"""
