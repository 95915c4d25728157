"""The shape of a small language model for a budget of parameters: counted exactly, planned, compared.

MobileLLM (arXiv 2402.14905) found that below a billion parameters many thin layers beat few wide ones at
equal parameters, that input and output embeddings should be one matrix, that several query heads may share
keys and values, and that each block may be computed twice in a row. That is accuracy for each *parameter*:
every layer is one more step that must wait for the one before, so accuracy for each *millisecond* is another
question (arXiv 2511.18890), and both are answered here. Training is in `shape_training.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from underdog.errors import StudyError

_HIDDEN = Fraction(8, 3)  # of the width, in gated feed-forward layers: as many weights as 4 without the gate
_NEAR = 0.02


@dataclass(frozen=True)
class Shape:
    """A decoder of gated blocks with rotary positions.

    Attributes:
        vocabulary, width, layers, heads, hidden: tokens, embedding size, distinct blocks, query heads, and
            the size inside a feed-forward layer.
        groups: heads for keys and values, which query heads share (arXiv 2305.13245).
        head: size of a head; None is width / heads.
        shared_embeddings: one matrix for reading and writing tokens.
        repeats: how often each block is computed, at once after itself.
        normed_heads: queries and keys have norms of their own, as in Qwen3.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    groups: int
    hidden: int
    head: int | None = None
    shared_embeddings: bool = True
    repeats: int = 1
    normed_heads: bool = False

    def __post_init__(self) -> None:
        if self.heads % self.groups:
            raise StudyError(
                f"shape: {self.heads} heads cannot share {self.groups} groups of keys and values"
            )
        if self.head is None and self.width % self.heads:
            raise StudyError(f"shape: a width of {self.width} is no multiple of {self.heads} heads")

    @property
    def head_size(self) -> int:
        """Size of a head."""
        return self.head or self.width // self.heads

    @property
    def matrices(self) -> int:
        """Weights of one block's matrices."""
        attention = 2 * self.width * self.head_size * (self.heads + self.groups)
        return attention + 3 * self.width * self.hidden

    @property
    def block(self) -> int:
        """Parameters of one block, norms included."""
        return self.matrices + 2 * self.width + (2 * self.head_size if self.normed_heads else 0)

    @property
    def embeddings(self) -> int:
        """Parameters that turn tokens into states and states into logits."""
        return self.vocabulary * self.width * (1 if self.shared_embeddings else 2)

    @property
    def parameters(self) -> int:
        """All parameters, each counted once."""
        return self.embeddings + self.layers * self.block + self.width

    def flops(self, context: int) -> int:
        """Multiplications and additions for one token that looks back on `context` tokens, itself included.

        Matrix products only: two for each weight that is used (repeated blocks again each time, the embedding
        as the head), and four for each head size and position looked at.
        """
        looked = 4 * self.heads * self.head_size * context
        computed = self.layers * self.repeats * (2 * self.matrices + looked)
        return computed + 2 * self.vocabulary * self.width

    def cache_bytes(self, context: int, element: int = 2) -> int:
        """Bytes of the keys and values of `context` tokens, `element` bytes a number."""
        return 2 * self.layers * self.repeats * self.groups * self.head_size * context * element

    @property
    def sequential(self) -> int:
        """Blocks that a token must pass one after the other: what latency follows where work is cheap."""
        return self.layers * self.repeats


MOBILELLM = {
    "125M": Shape(32_000, 576, 30, 9, 3, 1536),
    "350M": Shape(32_000, 960, 32, 15, 5, 2560),
    "600M": Shape(32_000, 1152, 40, 18, 6, 3072),
    "1B": Shape(32_000, 1280, 54, 20, 5, 3584),
    "1.5B": Shape(32_000, 1600, 54, 25, 5, 4352),
}
"""The published shapes (configurations of facebookresearch/MobileLLM), embeddings shared."""


@dataclass(frozen=True)
class Planner:
    """Shapes for a budget: how heads look, and how many of them share keys and values.

    Attributes:
        vocabulary: tokens of the tokenizer.
        head: size of a head; widths are multiples of it.
        sharing: query heads to a group of keys and values, where the heads divide by it; else 1.
        step: feed-forward sizes are multiples of it.
        repeats, shared_embeddings, normed_heads: as in Shape.
    """

    vocabulary: int
    head: int = 64
    sharing: int = 3
    step: int = 8
    repeats: int = 1
    shared_embeddings: bool = True
    normed_heads: bool = False

    def shape(self, parameters: int, layers: int) -> Shape:
        """The shape of so many layers that comes nearest to the budget, its feed-forward size to 8/3 widths.

        Raises:
            StudyError: no width comes within 2 % of the budget.
        """
        near = [
            shape
            for shape in self._shapes(parameters, layers)
            if abs(shape.parameters - parameters) <= _NEAR * parameters
        ]
        if not near:
            raise StudyError(
                f"shape: no width gives {layers} layers {parameters:,} parameters with heads of {self.head} "
                f"and {self.vocabulary:,} tokens: take fewer layers, smaller heads or a smaller vocabulary"
            )
        return min(near, key=lambda s: (abs(Fraction(s.hidden, s.width) - _HIDDEN), s.width))

    def _shapes(self, parameters: int, layers: int) -> Iterator[Shape]:
        """For every number of heads, the feed-forward sizes on both sides of the budget."""
        heads = 1
        while True:
            empty = self._shape(heads, layers, 0)
            room = parameters - empty.parameters
            if room <= 0:
                return
            hidden = room // (3 * layers * empty.width)
            for size in (hidden // self.step * self.step, (hidden // self.step + 1) * self.step):
                if size > 0:
                    yield self._shape(heads, layers, size)
            heads += 1

    def _shape(self, heads: int, layers: int, hidden: int) -> Shape:
        groups = heads // self.sharing if heads % self.sharing == 0 else heads
        return Shape(
            self.vocabulary,
            heads * self.head,
            layers,
            heads,
            groups,
            hidden,
            shared_embeddings=self.shared_embeddings,
            repeats=self.repeats,
            normed_heads=self.normed_heads,
        )


def fits_on_phone(shape: Shape, memory: float, bits: int, context: int, share: float = 0.10) -> bool:
    """Whether weights of `bits` and the cache stay within a share of a phone's memory, in bytes.

    An application that takes more than a tenth of it is not kept in memory (arXiv 2402.14905, section 1).
    """
    return shape.parameters * bits / 8 + shape.cache_bytes(context) <= share * memory
