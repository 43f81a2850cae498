"""Text to syntax tree and back: the grammar's side of the language, which knows no layer and no setting."""
