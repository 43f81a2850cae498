"""The words of `train:`, a file a kind, defined as layers are: arguments, meaning, and the formulas they own."""
