"""The losses of an update: a sum of terms, each a loss of a value and a target, with a factor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir import catalog
from netspec.ir.layer import Layer
from netspec.ir.shape import Shape
from netspec.ir.training import Aim, Loss, Training, key_of
from netspec.ir.updates import Field, Term, Use, Value, trains
from netspec.passes.arguments import bind_arguments
from netspec.passes.evaluate import NotConstant, evaluate
from netspec.passes.loss import check_loss
from netspec.passes.objective import target_shape
from netspec.passes.scope import Replacement, Unknown
from netspec.syntax import tree

if TYPE_CHECKING:
    from netspec.passes.expressions import Expressions, Found

SUM = 1e-6
"""By how much a probability may miss 1."""


class Terms:
    """Binds what stands between `update NAME:` and the optimizer."""

    def __init__(self, expressions: Expressions) -> None:
        self.expressions = expressions
        self.context, self.networks = expressions.context, expressions.networks
        self.report = expressions.report

    def of(self, loss: tree.Expression, network: str) -> tuple[Term, ...] | None:
        """The terms of an update; None after a report."""
        before = len(self.context.diagnostics)
        try:
            found = [self.term(call, factor, network) for call, factor in self.calls(loss)]
        except Unknown:
            return None  # reported where the parameter stands
        if len(self.context.diagnostics) > before:
            return None
        terms = tuple(term for term in found if term is not None)
        return terms if terms and len(terms) == len(found) else None

    def calls(self, loss: tree.Expression) -> Iterator[tuple[tree.Call, float]]:
        """The losses of a sum with their factors; reports what is neither."""
        todo: list[tuple[tree.Expression, float]] = [(loss, 1.0)]
        while todo:
            node, factor = todo.pop()
            match node:
                case tree.Group(expression=inner):
                    todo.append((inner, factor))
                case tree.Operation(operator="+" | "-" as sign, operands=(left, right)):
                    todo += [(right, factor if sign == "+" else -factor), (left, factor)]
                case tree.Operation(operator="-", operands=(inner,)):
                    todo.append((inner, -factor))
                case tree.Operation(operator="*" | "/", operands=(_, _)):
                    scaled = self.scaled(node, factor)
                    if scaled is None:
                        return
                    todo.append(scaled)
                case tree.Call():
                    yield node, factor
                case _:
                    what = short(self.context.text(node))
                    note = "such as  bce(discriminator(real), 0.9) + 0.5 * mse(generator(z), 0)"
                    message = f"an `update` says a sum of losses, and `{what}` is none"
                    self.report("N411", message, node, notes=(note,))
                    return

    def scaled(self, node: tree.Operation, factor: float) -> tuple[tree.Expression, float] | None:
        """What a number multiplies or divides, and the factor that comes of it; None after a report."""
        left, right = node.operands
        problems = []
        for amount, loss in ((right, left), (left, right))[: 1 + (node.operator == "*")]:
            try:
                number = self.worked_out(amount)
            except NotConstant as problem:
                problems.append(problem)
                continue
            if number == 0:
                says = "times 0 changes nothing" if node.operator == "*" else "cannot be divided by 0"
                self.report("N411", f"a loss {says}", node)
                return None
            product = factor * number if node.operator == "*" else factor / number
            if product == 0 or not isfinite(product):
                self.report("N411", f"the factors of a loss come to {product:g}", node)
                return None
            return loss, product
        known = list(self.expressions.scope.values)
        for each in problems:
            if not isinstance(each.node, tree.Call):
                self.context.report_value(NotConstant(each.node, str(each), each.code, known))
                return None
        self.report("N411", "a loss is multiplied or divided by a number: `0.5 * mse(x, y)`", node)
        return None

    def worked_out(self, node: tree.Node) -> float:
        """The number that an expression is, where `1 / 2` is a half; raises `NotConstant` and `Unknown`."""
        return float(evaluate(Replacement(self.expressions.scope, fold=False).node(node), real=True))

    def number(self, node: tree.Node) -> float | None:
        """The number that an expression is, None where it is none; raises `Unknown`."""
        try:
            return self.worked_out(node)
        except NotConstant:
            return None

    def term(self, call: tree.Call, factor: float, network: str) -> Term | None:
        """One loss of a value and a target; None after a report."""
        loss = self.loss(call, factor)
        if loss is None:
            return None
        wanted = 1 if loss.targets == "nothing" else 2
        if len(call.arguments) != wanted:
            example = f"{loss.word}({network}(x)" + (", target)" if wanted == 2 else ")")
            takes = "a value and its target" if wanted == 2 else "a value alone"
            self.report("N411", f"`{loss.word}` takes {takes}: `{example}`", call)
            return None
        found = self.expressions.value(call.arguments[0])
        if found is None or not self.changes(call, found, network):
            return None
        output = self.networks.result(found.value.network) if isinstance(found.value, Use) else None
        if output is None or not self.fits(call, loss, output):
            return None
        if wanted == 1:
            return Term(loss, found.value)
        target = self.target(call.arguments[1], Aim(output, loss), network)
        return None if target is None else Term(loss, found.value, target)

    def loss(self, call: tree.Call, factor: float) -> Loss | None:
        """The loss of a call, its factor the weight; None after a report."""
        function = call.function
        definition = catalog.find("loss", function.text)
        if definition is None:
            known = catalog.words("loss")
            span = self.context.span(function)
            fixes = tuple(
                Fix((Edit(span, near),), f"`{near}`") for near in did_you_mean(function.text, known)
            )
            message = f"there is no loss called `{short(function.text)}`"
            if function.text in self.networks.words:
                message = f"`{function.text}` is a network, and an `update` says losses"
            self.report("N101", message, function, fixes=fixes, notes=(f"known: {', '.join(known)}",))
            return None
        items = []
        for name, value in call.keywords:
            if name.text == "on":
                message = f"what `{function.text}` is of stands in its parentheses, and `on` does not"
                self.report("N110", message, name)
                return None
            items.append(tree.Option(name.start, value.end, name, (_as_value(value),)))
        given = self.expressions.replaced(items)
        use = None if given is None else bind_arguments(self.context, definition, function, given).instance
        if not isinstance(use, Loss):
            return None
        if getattr(use, "weights", None) is not None:
            message = "class weights stand in `loss`, and an `update` has none"
            self.report("N411", message, call)
            return None
        return replace(use, weight=use.weight * factor)

    def changes(self, call: tree.Call, found: Found, network: str) -> bool:
        """The loss trains the network; reports one that does not."""
        if trains(found.value, network):
            return True
        stops = [each for each in _applies(call) if each.function.text == "stop"]
        labels = [Label(self.context.span(call.arguments[0]), f"depends on no parameter of `{network}`")]
        fixes = []
        if target := self.trained_target(call, network):
            first, span = self.context.span(call.arguments[0]), self.context.span(target)
            labels.append(Label(span, "does, and stands where the target does"))
            said = f"{call.function.text}({span.text}, {first.text})"
            fixes.append(Fix((Edit(first, span.text), Edit(span, first.text)), f"`{said}`"))
        if stops:
            labels.append(Label(self.context.span(stops[0]), "no gradient passes"))
            inner = self.context.text(stops[0].arguments[0])
            fixes.append(Fix((Edit(self.context.span(stops[0]), inner),), f"`{inner}` without `stop`"))
        message = f"this loss changes nothing in `{network}`"
        self.context.diagnostics.report("N411", message, *labels, fixes=tuple(fixes))
        return False

    def trained_target(self, call: tree.Call, network: str) -> tree.Node | None:
        """The target of a loss where that, and not its value, depends on the network."""
        match call.arguments:
            case (_, (tree.Name() | tree.Call() | tree.Apply()) as target) if self.number(target) is None:
                found = self.expressions.value(target)
                return target if found and trains(found.value, network) else None
        return None

    def fits(self, call: tree.Call, loss: Loss, output: Layer) -> bool:
        """The loss fits the output of the network that it is of; reports one that does not."""
        before = len(self.context.diagnostics)
        named = replace(loss, on=output.name)
        spans = {key_of("loss", named): self.context.span(call)}
        check_loss(self.context, Aim(output, named), Training({}, spans=spans))
        return len(self.context.diagnostics) == before

    # --- targets

    def target(self, node: tree.Node, aim: Aim, network: str) -> float | Value | None:
        """What the output is compared with; None after a report."""
        number = self.number(node)
        if number is not None:
            return number if self.number_fits(node, number, aim) else None
        expressions = self.expressions
        if (
            isinstance(node, tree.Name)
            and node.text in expressions.fields
            and node.text not in expressions.lets
        ):
            return self.field(node, aim, expressions.fields[node.text])
        found = expressions.value(node)
        if found is None:
            return None
        if isinstance(found.value, Field):
            return self.field(node, aim, found.value)
        return self.value(node, found, aim, network)

    def number_fits(self, node: tree.Node, number: float, aim: Aim) -> bool:
        """A number can be the target; reports one that cannot."""
        loss, kind, classes = aim.loss, aim.targets, aim.output.shape.features
        problem = ""
        if kind == "answers" and not 0 <= number <= 1:
            problem = f"a target of `{loss.word}` is a probability from 0 (no) to 1 (yes), and not {number:g}"
        elif kind == "classes" and (number % 1 or not 0 <= number < classes):
            problem = f"a target of `{loss.word}` is a class from 0 to {classes - 1}, and not {number:g}"
        elif kind == "distributions" and abs(number * classes - 1) > SUM:
            problem = f"the {classes} probabilities of a target add up to 1, and {number:g} of each do not"
        if problem:
            labels = [Label(self.context.span(node))]
            if aim.output.origin:
                labels.append(Label(aim.output.origin.statement, f"gives {aim.output.shape}"))
            self.context.diagnostics.report("N411", problem, *labels)
        return not problem

    def field(self, node: tree.Node, aim: Aim, field: Field) -> Field | None:
        """A field of the data as the target; None after a report."""
        expressions, wanted = self.expressions, target_shape(aim)
        assert expressions.reader is not None
        known = expressions.reader.target_shape() if field.last else expressions.reader.example_shape()
        if known is not None and known.of is None and known.size == wanted.size:
            known = wanted  # the same numbers in another shape
        have = expressions.shapes.setdefault(field, known if known is not None else wanted)
        if have != wanted:
            message = f"`{aim.loss.word}` wants {described(wanted)}, and `{field}` is {described(have)}"
            labels = [Label(self.context.span(node), f"is {described(have)}")]
            if aim.output.origin:
                labels.append(Label(aim.output.origin.statement, f"gives {aim.output.shape}"))
            self.context.diagnostics.report("N404", message, *labels)
            return None
        return field

    def value(self, node: tree.Node, found: Found, aim: Aim, network: str) -> Value | None:
        """A value as the target: no gradient passes through it, which is said where there would be one."""
        if aim.targets == "classes":
            message = f"a target of `{aim.loss.word}` is a class: a number or a field of the data"
            notes = ("`kl` compares with probabilities, such as those of `categorical 10`",)
            self.report("N411", message, node, notes=notes)
            return None
        if found.shape != aim.output.shape:
            message = f"the target is {found.shape}, and what is compared with it {aim.output.shape}"
            labels = [Label(self.context.span(node), f"gives {found.shape}")]
            if aim.output.origin:
                labels.append(Label(aim.output.origin.statement, f"gives {aim.output.shape}"))
            self.context.diagnostics.report("N204", message, *labels)
            return None
        if trains(found.value, network):
            text = self.context.text(node)
            fix = Fix((Edit(self.context.span(node), f"stop {text}"),), f"`stop {short(text)}`")
            message = (
                f"the target depends on `{network}`, and an `update` trains through what is compared alone"
            )
            self.report("N411", message, node, fixes=(fix,))
            return None
        return found.value


def described(shape: Shape) -> str:
    """A target in words."""
    if shape.of is None and len(shape.dims) == 1:
        return "one number" if shape.dims == (1,) else f"{shape} numbers"
    if shape.of is None:
        return str(shape)
    places = f" at each of {Shape(shape.dims)} places" if shape.dims else ""
    return f"one of {shape.of} classes{places}"


def _as_value(node: tree.Expression) -> tree.Value:
    """An expression as an option's value: arithmetic as a group."""
    return tree.Group(node.start, node.end, node) if isinstance(node, tree.Operation) else node


def _applies(node: tree.Node) -> Iterator[tree.Apply]:
    """The `stop x` and `normal 100` written in a call."""
    todo: list[object] = [node]
    while todo:
        part = todo.pop()
        match part:
            case tree.Apply(arguments=arguments):
                yield part
                todo += arguments
            case tree.Call(arguments=arguments):
                todo += arguments
            case tree.Group(expression=inner):
                todo.append(inner)
