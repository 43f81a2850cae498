"""Generation: a network that goes on with what it said, a step at a time (`generate:`).

    >>> stepper = Stepper.of(program, feed, backend="numpy")
    >>> [said] = generate(stepper, feed, prompts=[[17, 4]])

Knows no backend and no layer: it drives `backends.Program`s of the networks that `passes.stepped` makes.
"""

from netspec.generate.decoding import Said, continue_rows, generate
from netspec.generate.stepper import Stepper

__all__ = ["Said", "Stepper", "continue_rows", "generate"]
