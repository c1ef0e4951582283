"""How good a model or an answer is: metrics, exemplars, verification."""

from .._moved import moved

__getattr__ = moved(
    __name__,
    {
        "Encoding": ".metrics",
        "Evaluation": ".metrics",
        "binarise": ".metrics",
        "classify": ".metrics",
        "cluster_accuracy": ".metrics",
        "cluster_information": ".metrics",
        "encode_dataset": ".metrics",
        "evaluate": ".metrics",
        "expected_calibration_error": ".metrics",
        "fit_cluster_labels": ".metrics",
        "log_likelihood": ".metrics",
    },
)
