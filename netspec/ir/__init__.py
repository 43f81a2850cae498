"""The intermediate representation: shapes, definitions, layers, networks, and the catalog of words."""
