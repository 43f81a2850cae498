"""Tests that are shipped: conformance of backends and layers, gradient checks, random networks for Hypothesis."""
