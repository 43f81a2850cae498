"""The NumPy program: plans by batch size, the training step around them."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final

import numpy as np

from netspec.backends import (
    Alone,
    Arrays,
    Group,
    Piece,
    Program,
    as_given,
    as_tuple,
    channels_first,
    channels_last,
    check_memory,
    check_values,
    for_each,
    inside,
    on_each,
    under,
)
from netspec.backends.augmentation import augmentation_of
from netspec.backends.numpy.average import Averaged
from netspec.backends.numpy.fast import PATHS, loss_rule
from netspec.backends.numpy.kernel import Array, rules
from netspec.backends.numpy.plan import Plan
from netspec.backends.numpy.store import Store
from netspec.backends.parts import Parts, Shares
from netspec.backends.room import free_memory
from netspec.backends.rules import placed
from netspec.backends.targets import check_alike
from netspec.diagnostics import error
from netspec.init import generator
from netspec.ir.net import Net
from netspec.ir.training import Training
from netspec.passes.objective import aims_of
from netspec.settings.optimizer import Sgd
from netspec.settings.plain import Average, Clip, Regularize, Seed

THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What says how many threads a product of matrices takes; all processors otherwise."""

MOST_PLANS: Final = 4
"""Plans kept at a time: the batch, the last smaller batch, and the same for evaluation; of parts, twice as many."""


class NumpyProgram:
    """A network on NumPy arrays (see `backends.Program`)."""

    def __init__(self, net: Net, dtype: str, reference: bool = False) -> None:
        for layer in net.layers:
            if layer.inputs:
                with placed(layer):
                    rules.find(type(layer.operation))  # so that a missing one is told now
        self.net = net
        self.whole = [layer.shape.of is not None for layer in net.inputs]
        """Which inputs are whole numbers: words, classes."""
        self.device = "cpu"
        self.group: Group = Alone()
        self.store = Store(net, dtype)
        self.paths = PATHS if self.store.dtype == np.float32 and not reference else ()
        self.plans: dict[tuple[object, ...], Plan] = {}
        self.settings = Training({})
        self._prepare()

    def begin(self, training: Training, steps: int = 0) -> None:
        """See `Program.begin`."""
        self.settings = training
        self._prepare(steps)

    def _prepare(self, steps: int = 0) -> None:
        settings = self.settings
        self.aims = aims_of(self.net, settings)
        self.losses = [loss_rule(rules.find(type(aim.loss)), self.paths)(aim.loss) for aim in self.aims]
        self.trained = tuple(aim.result for aim in self.aims)
        self.outputs = tuple(output.name for output in self.net.outputs)
        optimizer = settings.get("optimizer") or Sgd()
        self.optimizer = rules.find(type(optimizer))(optimizer, self.store.values, self.store.shapes)
        regularize, clip, seed = (settings.get(name) for name in ("regularize", "clip", "seed"))
        self.regularize = regularize if isinstance(regularize, Regularize) else None
        self.clip = clip if isinstance(clip, Clip) else None
        self.parts = Parts(settings)
        average = settings.get("average")
        self.average = (
            Averaged(average, self.store.changing, average.before(steps))
            if isinstance(average, Average)
            else None
        )
        self.random = generator(seed.value if isinstance(seed, Seed) else 0, "layers")
        self.augmentation = augmentation_of(self.net, settings, rules)
        self.steps = 0
        self.plans.clear()

    def plan(self, inputs: tuple[Array, ...], *results: str, learns: bool = True) -> Plan:
        """The plan for prepared inputs of these shapes, made when first wanted."""
        key = (*(array.shape for array in inputs), results, learns)
        if key not in self.plans:
            shapes = [written_shape(array.shape) for array in inputs]
            if len(self.plans) >= (MOST_PLANS if self.parts.count == 1 else 2 * MOST_PLANS):
                del self.plans[next(iter(self.plans))]
            kept = {*self.outputs, *self.trained, *(aim.target for aim in self.aims if aim.target)}
            self.plans[key] = Plan(
                self.net,
                shapes,
                self.store,
                self.random,
                *results,
                paths=self.paths,
                kept=kept,
                learns=learns,
            )
        return self.plans[key]

    def predict(self, inputs: Arrays) -> Any:
        """See `Program.predict`."""
        return self._predict(self._in(on_each(channels_first, inputs)))

    def _predict(self, prepared: tuple[Array, ...]) -> Arrays:
        plan = self.plan(prepared, *self.outputs, learns=False)
        plan.forward(prepared, training=False)
        return self._outputs(plan)

    def _outputs(self, plan: Plan) -> Arrays:
        """Copies of a plan's results, as the spec writes them."""
        return as_given([channels_last(plan.values[layer.name]).copy() for layer in self.net.outputs])

    def _in(self, inputs: Arrays) -> tuple[Array, ...]:
        """Inputs in the program's own type; integers (words, classes) stay integers."""
        given = zip(self.whole, as_tuple(inputs), strict=True)
        return tuple(
            [array if whole else array.astype(self.store.dtype, copy=False) for whole, array in given]
        )

    def _loss(
        self, inputs: Arrays, targets: Arrays, shares: tuple[float, ...] = ()
    ) -> tuple[float, Plan, list[Array]]:
        """The sum of the losses by weight and share, and its gradients for what is trained."""
        prepared = self._in(inputs)
        plan = self.plan(prepared, *self.trained)
        total, gradients = 0.0, []
        found = self._each(as_tuple(plan.forward(prepared, training=True)), targets, plan)
        counts = shares or (1.0,) * len(self.aims)
        for aim, (loss, gradient), share in zip(self.aims, found, counts, strict=True):
            factor = aim.loss.weight * share
            total += factor * loss
            gradients.append(gradient if factor == 1 else factor * gradient)
        return total, plan, gradients

    def _each(self, raw: Iterable[Array], targets: Arrays, plan: Plan) -> Iterator[tuple[float, Array]]:
        """Each loss with its gradient; the network itself may give what an output is compared with."""
        given = for_each(self.aims, targets)
        for aim, loss, output, target in zip(self.aims, self.losses, raw, given, strict=True):
            wanted = plan.values[aim.target] if aim.target else target
            check_alike(aim, output.shape, wanted.shape)
            yield loss.value_and_gradient(output, wanted)

    def loss_and_gradients(self, inputs: Arrays, targets: Arrays) -> tuple[float, dict[str, Array]]:
        """See `Program.loss_and_gradients`; states and the random generator are put back."""
        drawn = self.random.bit_generator.state
        states = [self.store.view(name) for name, param in self.net.parameters.items() if param.is_state]
        kept = [state.copy() for state in states]
        loss, plan, gradients = self._loss(inputs, targets)
        plan.backward(*gradients)
        loss += self._penalty()
        self.random.bit_generator.state = drawn
        for state, value in zip(states, kept, strict=True):
            state[...] = value
        return loss, {name: view.copy() for name, view in self.store.gradient_views.items()}

    def train_step(self, inputs: Arrays, targets: Arrays, rate: float, piece: Piece | None = None) -> float:
        """See `Program.train_step`; it is always the whole batch, as this backend works in one process."""
        assert piece is None or piece[:2] == (0, len(as_tuple(targets)[0])), piece
        self.steps += 1
        batch: tuple[Arrays, Arrays] = (inputs, targets)
        if self.augmentation:
            batch = self.augmentation.batch(self._in(inputs), targets, self.steps, piece)
        lent = [(view, view.copy()) for view in self.store.lent_states]
        loss = self._add_up(*batch, piece)
        for view, value in lent:
            view[...] = value
        loss += self._penalty()
        if self.clip is not None:
            self._clip(self.clip)
        store, regularize = self.store, self.regularize
        if regularize is not None and regularize.decay:
            np.multiply(store.values, 1 - rate * regularize.decay, out=store.values, where=store.penalised)
        self.optimizer.step(store.values, store.gradients, rate)
        if self.average is not None:
            self.average.step()
        return loss

    def _add_up(self, inputs: Arrays, targets: Arrays, piece: Piece | None) -> float:
        """Fill the gradients, a part of the batch at a time, and give the loss: of a piece, its share in the whole."""
        gathered, total, count = None, 0.0, len(as_tuple(targets)[0])
        shares = Shares(for_each(self.aims, targets), piece)
        for part in self.parts.of(count):
            cut = itemgetter(part)
            loss, plan, given = self._loss(on_each(cut, inputs), on_each(cut, targets), shares.of(part))
            if part.start:
                gathered = self.store.gradients + (0 if gathered is None else gathered)
            plan.backward(*given)
            total += loss
        if gathered is not None:
            self.store.gradients += gathered
        return total

    def _clip(self, clip: Clip) -> None:
        """Make the gradient smaller, entries before the norm."""
        gradients = self.store.gradients
        if clip.value is not None:
            np.clip(gradients, -clip.value, clip.value, out=gradients)
        if clip.norm is not None:
            norm = float(np.sqrt(gradients @ gradients))
            # 1e-6 as torch.nn.utils.clip_grad_norm_ has it
            gradients *= min(1.0, clip.norm / (norm + 1e-6))

    def _penalty(self) -> float:
        """Add the regularisation's gradient; its value."""
        if self.regularize is None:
            return 0.0
        l2, l1 = self.regularize.l2, self.regularize.l1
        weights = self.store.values * self.store.penalised
        self.store.gradients += l2 * weights + l1 * np.sign(weights)
        return float(l2 / 2 * (weights @ weights) + l1 * np.abs(weights).sum())

    def evaluate(self, inputs: Arrays, targets: Arrays) -> tuple[tuple[float, ...], Any]:
        """See `Program.evaluate`."""
        prepared = self._in(inputs)
        plan = self.plan(prepared, *self.outputs, learns=False)
        plan.forward(prepared, training=False)
        raw = [plan.values[name] for name in self.trained]
        return tuple(loss for loss, _ in self._each(raw, targets, plan)), self._outputs(plan)

    def gradient_norms(self) -> dict[str, float]:
        """See `Program.gradient_norms`."""
        norms: dict[str, float] = {}
        for name, view in self.store.gradient_views.items():
            layer = name.partition(".")[0]
            norms[layer] = norms.get(layer, 0.0) + float(np.vdot(view, view))
        return {layer: norm**0.5 for layer, norm in norms.items()}

    def parameters(self) -> dict[str, Array]:
        """See `Program.parameters`."""
        return {name: view.copy() for name, view in self.store.views.items()}

    def load(self, values: Mapping[str, Array]) -> None:
        """See `Program.load`."""
        check_values(self.net, values)
        self.store.load(values)

    def borrow(self, lender: Program, names: Collection[str]) -> None:
        """See `Program.borrow`."""
        assert isinstance(lender, NumpyProgram), lender
        self.store.borrow(lender.store, names)
        self._prepare()

    def use_average(self, on: bool) -> None:
        """See `Program.use_average`."""
        if self.average is not None:
            self.average.use(on)

    def memory(self) -> dict[str, Array]:
        """See `Program.memory`."""
        optimizer = under("optimizer", self.optimizer.memory())
        average = under("average", self.average.memory()) if self.average is not None else {}
        steps = np.array(self.steps, np.int64)
        return {**optimizer, **average, "random": state_of(self.random), "steps": steps}

    def recall(self, memory: Mapping[str, Array]) -> None:
        """See `Program.recall`."""
        check_memory(memory, self.memory())
        self.optimizer.recall(inside("optimizer", memory))
        if self.average is not None:
            self.average.recall(inside("average", memory))
        set_state(self.random, memory["random"])
        self.steps = int(memory["steps"])

    def circumstances(self) -> dict[str, str]:
        """See `Program.circumstances`."""
        threads = next((os.environ[name] for name in THREADS if name in os.environ), str(os.cpu_count()))
        found = {"device": f"cpu ({platform.machine()})", "dtype": str(self.store.dtype), "threads": threads}
        return found if self.paths or self.store.dtype != np.float32 else {**found, "rules": "reference"}

    def free_memory(self) -> int | None:
        """See `Program.free_memory`."""
        return free_memory()


def state_of(random: np.random.Generator) -> Array:
    """The state of a Philox generator as whole numbers: counter, key, buffer, its position, half a draw kept back."""
    state: Any = random.bit_generator.state
    kept = np.array([state["buffer_pos"], state["has_uint32"], state["uinteger"]], np.uint64)
    return np.concatenate([state["state"]["counter"], state["state"]["key"], state["buffer"], kept])


def set_state(random: np.random.Generator, numbers: Array) -> None:
    """The inverse of `state_of`; raises N703 where no generator can be in such a state."""
    counter, key, buffer, kept = np.split(numbers, (4, 6, 10))
    position, has_half, half = map(int, kept)
    try:
        random.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": counter, "key": key},
            "buffer": buffer,
            "buffer_pos": position,
            "has_uint32": has_half,
            "uinteger": half,
        }
    except (ValueError, OverflowError, TypeError) as problem:
        raise error("N703", f"the saved state of the random generator is none: {problem}") from None


def written_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a channels-first array as the spec writes it."""
    if len(shape) < 4:
        return shape
    *before, channels, height, width = shape
    return (*before, height, width, channels)
