"""The stage that trains the classifier whose decisions are explained."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..._types import ByteImages, Images
from ...data.augmentation import deform
from ...data.preprocessing import to_float
from ...data.preprocessing_config import Preprocessing
from ...models.classifier import Classifier
from ..config import TrainingConfig
from ..loop import EpochLoop, no_scores, seeded
from .table import CLASSIFIER

__all__ = [
    "classifier_stage",
]


class ClassifierObjective(nn.Module):
    """Cross entropy of the classifier, in nats per image."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Images, labels: Tensor) -> Tensor:
        """Evaluate the mean over the batch."""
        return functional.cross_entropy(self.classifier(x).float(), labels)


def classifier_stage(
    loop: EpochLoop,
    images: ByteImages,
    labels: Tensor,
    num_classes: int,
    training: TrainingConfig,
    preprocessing: Preprocessing,
) -> Classifier:
    """Train the classifier on deformed images and their labels."""
    device = loop.fabric.device
    classifier = seeded(lambda: Classifier(num_classes, preprocessing.spec), loop.seed + 1)
    pixels, targets = images.to(device), labels.to(device)

    def batches(rows: Tensor, generator: torch.Generator) -> tuple[Tensor | None, ...]:
        return deform(to_float(pixels[rows], device), generator, preprocessing), targets[rows]

    loop.fit(
        CLASSIFIER,
        ClassifierObjective(classifier),
        batches,
        count=len(images),
        epochs=training.classifier_epochs,
        min_steps=training.classifier_min_steps,
        learning_rate=training.classifier_learning_rate,
        num_clusters=1,
        score=no_scores,
    )
    return classifier
