"""What pages call the images and ask for: digits only where the images are read as digits."""

from types import SimpleNamespace

import pytest

from dashboard.ui import naming
from xai_core.data.preprocessing_config import Preprocessing


@pytest.mark.parametrize(
    ("strategy", "look", "kind", "asks"),
    [
        ("digits", "light_on_dark", "digit", "Draw a digit or upload a picture"),
        ("glyphs", "light_on_dark", "image", "Draw an image or upload a picture"),
        ("glyphs", "dark_on_light", "image", "Draw an image or upload a picture"),
        ("natural", "natural", "image", "Upload a picture"),
    ],
)
def test_images_are_called_digits_only_where_they_are_read_as_such(strategy, look, kind, asks):
    form = SimpleNamespace(
        preprocessing=Preprocessing(strategy=strategy), spec=SimpleNamespace(look=look)
    )
    assert naming.kind(form) == kind
    assert naming.ways_to_bring(form) == asks
