"""HTML files to save: all results for one image, and the map."""

from typing import TYPE_CHECKING

from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Method
    from xai_core.report.image_report import ImageReport


def image_report(
    bundle: "Bundle", image_id: str, output: str | None = None, search: "Method" = "default"
) -> "ImageReport":
    """Compute the report of one image, in a few seconds.

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


def map_page(bundle: "Bundle", images: int) -> bytes:
    """Return the map with at most so many images as one HTML page, in half a minute."""
    from xai_core.report.map_page import MapPageConfig
    from xai_core.report.map_page import map_page as ask

    with compute_slot():
        return ask(bundle, config=MapPageConfig(images=images))
