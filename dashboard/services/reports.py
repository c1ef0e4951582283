"""The report of one image: all results of a bundle for it."""

from typing import TYPE_CHECKING

from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Method
    from xai_core.report.image_report import ImageReport


def image_report(
    bundle: "Bundle", image_id: str, output: str | None = None, search: "Method" = "default"
) -> "ImageReport":
    """Compute the report of one image, in a second or two.

    Args:
        bundle: The models.
        image_id: An image of the bundle, or a visitor's own.
        output: The output to explain; None for the classifier if there is one.
        search: Method of the counterfactuals.
    """
    from xai_core.report.image_report import ReportConfig
    from xai_core.report.image_report import image_report as ask

    with compute_slot():
        return ask(bundle, image_id, config=ReportConfig(output=output, search=search))
