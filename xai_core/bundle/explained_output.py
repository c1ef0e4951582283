"""The outputs of a bundle that can be explained, and the registry of their names.

A new output is one registration in `OUTPUTS`: the pattern of its name, the function that parses a
name, and the choices that make up the name. The library, the command line and the pages read the
rest from the resulting `ExplainedOutput`. From Python, an output needs no registration: every
function that takes `output` accepts an `ExplainedOutput` as well as a name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .._arguments import checked
from .._types import Images, Logits, Probs
from ..errors import BundleError
from ..functions import class_numbers
from ..models.classifier import Classifier
from ..models.vae import ClusterVAE, Part
from .reading import Bundle

__all__ = [
    "OUTPUTS",
    "Choice",
    "Classes",
    "ExplainedOutput",
    "Registration",
    "available_outputs",
    "check_parts",
    "contrast",
    "deciding_outputs",
    "explained_output",
    "latent",
    "logit_layers",
]

PARTS: dict[Part, tuple[str, Callable[[Bundle], bool]]] = {
    "encode": ("encoder", lambda bundle: "encode" in bundle.model.parts),
    "decode": ("decoder", lambda bundle: "decode" in bundle.model.parts),
    "cluster_probs": ("cluster model", lambda bundle: "cluster_probs" in bundle.model.parts),
    "class_probs": ("classifier", lambda bundle: bundle.classifier is not None),
}
"""The name of each part, and a test whether a bundle has it."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes that an output distinguishes, one value of the output per class.

    Attributes:
        noun: "class" or "cluster".
        who: The model that predicts them, as part of a sentence.
        symbol: Symbol of their probabilities, in formulas: "p" or "q".
        column: Column of the bundle's index that holds the most probable class of every image.
        labelled: Whether they are the classes of the data's labels and share their names.
        count: Returns their number.
    """

    noun: str
    who: str
    symbol: str
    column: str
    labelled: bool
    count: Callable[[Bundle], int]

    def names(self, bundle: Bundle) -> Sequence[str]:
        """Return the names accepted in place of numbers."""
        return bundle.dataset.class_names if self.labelled else ()

    def numbers(self, bundle: Bundle, target: object, rows: int) -> Int[Tensor, " rows"]:
        """Read classes, by number or name, as `class_numbers` does."""
        return class_numbers(target, rows, names=self.names(bundle))

    def probs(self, outputs: Logits) -> Probs:
        """Return the probability of each class, from logits or their logarithms."""
        return outputs.softmax(-1)


@dataclass(frozen=True, kw_only=True)
class ExplainedOutput:
    """One function of an image that a bundle can evaluate and explainers explain.

    Attributes:
        name: Name in links, files and command lines; a critic for it has the same name.
        title: Title for headings.
        words: Description as part of a sentence.
        unit: Unit of its values.
        needs: Parts that a bundle must have.
        function: Returns the module, images to (batch, outputs). Its weights are the bundle's:
            put hooks on a deep copy only.
        layers: Returns the same function as a sequence of layers, for methods with rules on
            layers; None if it is not composed of layers alone.
        classes: The classes it distinguishes; None for a scalar.
    """

    name: str
    title: str
    words: str
    unit: str
    needs: tuple[Part, ...]
    function: Callable[[Bundle], nn.Module]
    layers: Callable[[Bundle], nn.Sequential | None] = lambda bundle: None
    classes: Classes | None = None

    def lacks(self, bundle: Bundle) -> list[str]:
        """Return the names of required parts that a bundle lacks."""
        return [PARTS[part][0] for part in self.needs if not PARTS[part][1](bundle)]

    def shown(self, outputs: Float[Tensor, "batch outputs"]) -> Float[Tensor, "batch outputs"]:
        """Return the values that scores use: class probabilities, or the scalar itself."""
        return outputs if self.classes is None else self.classes.probs(outputs)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One part of a name chosen by the user, such as the number of a latent.

    Attributes:
        name: Name in links.
        title: Title shown to users.
        options: Returns the values with their titles, given the choices made before it.
    """

    name: str
    title: str
    options: Callable[[Bundle, tuple[str, ...]], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """An output, or a family of outputs whose names differ in the choices.

    Attributes:
        pattern: The name as help texts write it, such as "latent:J".
        title: Title in the list of registrations.
        read: Returns the output of a name; None if the name does not match the pattern. Raises
            ValueError if it matches but names something that does not exist.
        name: The name with a pair of braces for each choice.
        choices: In the order of the braces.
    """

    pattern: str
    title: str
    read: Callable[[Bundle, str], ExplainedOutput | None]
    name: str
    choices: tuple[Choice, ...] = ()


def explained_output(bundle: Bundle, output: str | ExplainedOutput) -> ExplainedOutput:
    """Return the output of a name after checking that the bundle can evaluate it.

    Args:
        bundle: The models.
        output: A name of a pattern in `OUTPUTS`, or the output itself.

    Raises:
        ValueError: If the name is unknown, or names a class or dimension that does not exist.
        BundleError: If the bundle lacks a part that the output needs; the message says which.
    """
    if isinstance(output, str):
        read = (registration.read(bundle, output) for registration in OUTPUTS.values())
        found = next((one for one in read if one is not None), None)
        if found is None:
            patterns = ", ".join(registration.pattern for registration in OUTPUTS.values())
            raise ValueError(f"`output` must be one of {patterns}, got {output!r}.")
        output = found
    others = "".join(f" Explain `{o.name}` instead." for o in available_outputs(bundle)[:1])
    check_parts(bundle, output.needs, f"the output `{output.name}`", others)
    return output


def check_parts(bundle: Bundle, parts: Sequence[Part], what: str, remedy: str = "") -> None:
    """Check that a bundle has parts.

    Args:
        bundle: The bundle.
        parts: What is needed.
        what: What needs it, as part of a sentence.
        remedy: A sentence that follows, after a space.

    Raises:
        BundleError: If it lacks one of them; the message says which.
    """
    if lacking := [PARTS[part][0] for part in parts if not PARTS[part][1](bundle)]:
        lacks = " and no ".join(lacking)
        raise BundleError(f"Bundle '{bundle.name}' has no {lacks}, which {what} needs.{remedy}")


def available_outputs(bundle: Bundle) -> list[ExplainedOutput]:
    """Return the outputs without choices that a bundle can evaluate, in order."""
    found = [r.read(bundle, r.name) for r in OUTPUTS.values() if not r.choices]
    return [output for output in found if output is not None and not output.lacks(bundle)]


def deciding_outputs(bundle: Bundle) -> list[ExplainedOutput]:
    """Return the outputs with at least two classes."""
    found = available_outputs(bundle)
    return [one for one in found if one.classes is not None and one.classes.count(bundle) > 1]


@checked
def contrast(
    first: int | str, second: int | str, *, of: str | ExplainedOutput = "classifier"
) -> ExplainedOutput:
    """Explain why one class rather than another: f_first - f_second.

    Args:
        first: The class explained, by number or name.
        second: The class it is compared with.
        of: The output with these classes: "classifier", "cluster" or an output.
    """
    base = PLAIN[of] if isinstance(of, str) and of in PLAIN else of
    if isinstance(base, str) or base.classes is None:
        known = ", ".join(name for name, one in PLAIN.items() if one.classes is not None)
        raise ValueError(f"`of` must be an output with classes, such as {known}, got {of!r}.")
    classes = base.classes

    def pair(bundle: Bundle) -> list[int]:
        count = classes.count(bundle)
        found = classes.numbers(bundle, [first, second], 2).tolist()
        if not all(0 <= c < count for c in found) or found[0] == found[1]:
            raise ValueError(
                f"A contrast of `{base.name}` needs two different classes in [0, {count}), got "
                f"{first} and {second}."
            )
        return found

    def function(bundle: Bundle) -> nn.Module:
        return _Contrast(base.function(bundle), *pair(bundle)).eval()

    def layers(bundle: Bundle) -> nn.Sequential | None:
        logits = logit_layers(base, bundle)
        if logits is None:
            return None
        plus, minus = torch.eye(classes.count(bundle))[pair(bundle)]
        return nn.Sequential(*logits, _linear(plus - minus, bundle)).eval()

    prefix = "" if classes.labelled else f"{classes.noun} "
    return ExplainedOutput(
        name=f"{base.name}:{first}-{second}",
        title=f"{prefix[:1].upper()}{prefix[1:]}{first} rather than {second}",
        words=f"why {classes.who} sees {prefix}{first} rather than {second}",
        unit=base.unit,
        needs=base.needs,
        function=function,
        layers=layers,
    )


def latent(dimension: int) -> ExplainedOutput:
    """Explain one dimension of the mean of q(z|x).

    Args:
        dimension: Its number, counted from 0.
    """

    def checked(bundle: Bundle) -> int:
        last = bundle.model.config.latent_dim - 1
        if not 0 <= dimension <= last:
            raise ValueError(
                f"`output` must name latent:0 to latent:{last}, got latent:{dimension}."
            )
        return dimension

    def layers(bundle: Bundle) -> nn.Sequential:
        means_and_variances = 2 * bundle.model.config.latent_dim
        weight = torch.eye(means_and_variances)[checked(bundle)]
        return nn.Sequential(bundle.model.latent_encoder, _linear(weight, bundle)).eval()

    return ExplainedOutput(
        name=f"latent:{dimension}",
        title=f"Latent {dimension}",
        words=f"what latent {dimension} is",
        unit="units of the latent",
        needs=("encode",),
        function=lambda bundle: _Latent(bundle.model, checked(bundle)),
        layers=layers,
    )


def logit_layers(output: ExplainedOutput, bundle: Bundle) -> nn.Sequential | None:
    """Return an output's layers up to its logits, without a softmax at their end."""
    layers = output.layers(bundle)
    if layers is None:
        return None
    return nn.Sequential(*(part for part in layers if not isinstance(part, nn.LogSoftmax))).eval()


def _linear(weight: Float[Tensor, " inputs"], bundle: Bundle) -> nn.Linear:
    """Return a layer that computes a weighted sum of its inputs."""
    layer = nn.Linear(len(weight), 1, bias=False).requires_grad_(False)
    layer.weight.copy_(weight.unsqueeze(0))
    return layer.to(bundle.device)


def _classifier(bundle: Bundle) -> Classifier:
    assert bundle.classifier is not None, "`explained_output` has checked it"
    return bundle.classifier


def _cluster_layers(bundle: Bundle) -> nn.Sequential | None:
    """Return the layers from an image to log q(c|x); None where the encoder has no such branch."""
    encoder = bundle.model.cluster_encoder
    return None if encoder is None else nn.Sequential(encoder, nn.LogSoftmax(-1))


class _Cluster(nn.Module):
    """log q(c|x)."""

    def __init__(self, model: ClusterVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Images) -> Logits:
        return self.model.cluster_logits(x).log_softmax(-1)


class _Term(nn.Module):
    """The bound, or a term of it, evaluated at z = the mean of q(z|x)."""

    def __init__(self, model: ClusterVAE, term: str) -> None:
        super().__init__()
        self.model, self.term = model, term

    def forward(self, x: Images) -> Logits:
        posterior = self.model.encode(x)
        return getattr(self.model.terms(posterior, x, posterior.mean), self.term).unsqueeze(-1)


class _Latent(nn.Module):
    """One dimension of the mean of q(z|x)."""

    def __init__(self, model: ClusterVAE, dimension: int) -> None:
        super().__init__()
        self.model, self.dimension = model, dimension

    def forward(self, x: Images) -> Logits:
        return self.model.encode_mean(x)[:, self.dimension, None]


class _Contrast(nn.Module):
    """The difference of two outputs."""

    def __init__(self, function: nn.Module, first: int, second: int) -> None:
        super().__init__()
        self.function, self.first, self.second = function, first, second

    def forward(self, x: Images) -> Logits:
        outputs = self.function(x)
        return (outputs[:, self.first] - outputs[:, self.second]).unsqueeze(-1)


def _term(name: str, title: str, words: str) -> ExplainedOutput:
    return ExplainedOutput(
        name=name,
        title=title,
        words=words,
        unit="nats",
        needs=("encode", "decode"),
        function=lambda bundle: _Term(bundle.model, name).eval(),
    )


PLAIN = {
    output.name: output
    for output in (
        ExplainedOutput(
            name="classifier",
            title="Classifier",
            words="what the classifier decides",
            unit="logit",
            needs=("class_probs",),
            function=_classifier,
            layers=_classifier,
            classes=Classes(
                noun="class",
                who="the classifier",
                symbol="p",
                column="predicted",
                labelled=True,
                count=lambda bundle: _classifier(bundle).num_classes,
            ),
        ),
        ExplainedOutput(
            name="cluster",
            title="Clusters",
            words="which cluster the model sees",
            unit="nats of log q(c|x)",
            needs=("cluster_probs",),
            function=lambda bundle: _Cluster(bundle.model).eval(),
            layers=_cluster_layers,
            classes=Classes(
                noun="cluster",
                who="the cluster model",
                symbol="q",
                column="cluster",
                labelled=False,
                count=lambda bundle: bundle.model.config.num_clusters,
            ),
        ),
        _term("elbo", "ELBO", "how well the model explains the image (its ELBO)"),
        _term(
            "reconstruction",
            "Reconstruction term",
            "how well the model draws the image (its reconstruction term)",
        ),
    )
}
"""Outputs without choices: the classifier's logits; log q(c|x); the ELBO and its reconstruction
term, evaluated at the mean of q(z|x), so that they are functions of the image alone."""


def _plain(output: ExplainedOutput) -> Registration:
    """Register an output that needs no choice."""
    return Registration(
        pattern=output.name,
        title=output.title,
        read=lambda bundle, name: output if name == output.name else None,
        name=output.name,
    )


def _read_latent(bundle: Bundle, name: str) -> ExplainedOutput | None:
    kind, _, number = name.partition(":")
    if kind != "latent" or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    found = latent(int(number))
    found.layers(bundle)  # raises an error for a missing dimension
    return found


def _read_contrast(bundle: Bundle, name: str) -> ExplainedOutput | None:
    """Read "classifier:3-8"; names of classes may hold a hyphen themselves."""
    kind, _, pair = name.partition(":")
    base = PLAIN.get(kind)
    if base is None or base.classes is None or not pair:
        return None
    if base.lacks(bundle):
        return base  # so that the error names the missing part
    words = pair.split("-")
    for cut in range(1, len(words)):
        first, second = "-".join(words[:cut]), "-".join(words[cut:])
        try:
            numbers = base.classes.numbers(bundle, [first, second], 2).tolist()
        except ValueError:
            continue
        names, count = base.classes.names(bundle), base.classes.count(bundle)
        if all(c < count for c in numbers) and numbers[0] != numbers[1]:
            return contrast(*(names[c] if c < len(names) else c for c in numbers), of=base)
    raise ValueError(
        f"`output` must name two different classes of `{kind}`, such as {kind}:0-1, got {name!r}."
    )


def _dimensions(bundle: Bundle, _: tuple[str, ...]) -> dict[str, str]:
    return {str(j): str(j) for j in range(bundle.model.config.latent_dim)}


def _bases(bundle: Bundle, _: tuple[str, ...]) -> dict[str, str]:
    return {output.name: output.title for output in deciding_outputs(bundle)}


def _pairs(bundle: Bundle, chosen: tuple[str, ...]) -> dict[str, str]:
    """Return the classes of the output chosen first, without the one chosen before."""
    classes = PLAIN[chosen[0]].classes
    assert classes is not None
    names = classes.names(bundle)
    found = {str(c): names[c] if c < len(names) else str(c) for c in range(classes.count(bundle))}
    return {number: name for number, name in found.items() if number not in chosen[1:]}


OUTPUTS = {
    **{name: _plain(output) for name, output in PLAIN.items()},
    "latent": Registration(
        pattern="latent:J",
        title="One latent",
        read=_read_latent,
        name="latent:{}",
        choices=(Choice(name="latent", title="Latent", options=_dimensions),),
    ),
    "contrast": Registration(
        pattern="classifier:A-B, cluster:A-B",
        title="Contrast",
        read=_read_contrast,
        name="{}:{}-{}",
        choices=(
            Choice(name="by", title="Of", options=_bases),
            Choice(name="why", title="Why", options=_pairs),
            Choice(name="rather", title="Rather than", options=_pairs),
        ),
    ),
}
"""The registrations, in display order."""
