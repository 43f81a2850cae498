"""Print the table: `python -m tests.onnx_nodes`."""

from .judging import table

print(table())
