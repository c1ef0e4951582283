"""From a data set to a bundle: settings, the epoch loop, stages, progress."""

from .._moved import moved

__getattr__ = moved(
    __name__,
    {
        "PRESETS": ".config",
        "EpochMetrics": ".progress",
        "Progress": ".progress",
        "Trained": ".stages.sequence",
        "TrainingConfig": ".config",
        "train_models": ".stages.sequence",
    },
)
