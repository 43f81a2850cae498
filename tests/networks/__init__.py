"""The networks of the literature, written by hand in plain PyTorch: what netspec's own specs are compared with."""
