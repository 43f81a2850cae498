"""A third party's addition to netspec: the layer `snake`, its rules for two backends, and the backend `numpy64`."""
