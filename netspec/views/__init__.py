"""Views: what a checked network says about itself, as data and as text: a line explained, a comparison, a picture.

A view reads a `Net` and its table, and derives no number that a definition or a pass already has.
"""
