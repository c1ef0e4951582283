"""Draw an image, or upload files."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import messages
from dashboard.ui.components import image_grid
from dashboard.views.own_image import loader
from dashboard.views.own_image.draw_pad import draw_pad
from xai_core.errors import DataError

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

WAYS = ("Draw", "Upload")
SEED = (28, 28)
"""Height and width of images that the sheet can begin with."""
MOST = 60
"""Largest number of uploads that are read at once."""


def show(bundle: "Bundle", image_id: str) -> None:
    """Let the user draw or upload an image, which becomes the selected one."""
    if bundle.spec.look == "natural":
        _upload(bundle, image_id)  # a drawing has no colours
        return
    source = st.segmented_control(
        "How", WAYS, required=True, label_visibility="collapsed",
        **state.bind("own by", WAYS[0], WAYS, link="by"),
    )  # fmt: skip
    if source == WAYS[0]:
        _draw(bundle, image_id)
    else:
        _upload(bundle, image_id)


def was_refused(image_id: str) -> bool:
    """Return whether the latest upload was refused, so that an older image is still selected."""
    return state.setting("own by") != WAYS[0] and state.setting("own refused") == image_id


def _draw(bundle: "Bundle", image_id: str) -> None:
    own = image_data.is_own(image_id)
    seeded = image_data.shape(bundle) == SEED
    draw_pad(
        image_data.images(bundle, [image_id])[0] if own and seeded else None,
        name=image_id,
        drawn=image_id == state.setting("own drawn"),
        on_draw=functools.partial(_drawn, bundle),
    )
    if not own:
        state.put_setting("before own", image_id)
    if not own and seeded:
        st.button(
            f"Draw on {image_id}", icon=":material/stylus:",
            help="Put the selected image on the sheet, to add strokes to it",
            on_click=_copy, args=(bundle, image_id),
        )  # fmt: skip


def _drawn(bundle: "Bundle", ink: NDArray[np.uint8] | None) -> None:
    image_id = state.setting("before own", "") if ink is None else loader.drawn(bundle, ink)
    state.put_setting("own drawn", image_id)
    state.select_image(image_id)


def _copy(bundle: "Bundle", image_id: str) -> None:
    state.select_image(image_data.as_own(bundle, image_id))


def _upload(bundle: "Bundle", image_id: str) -> None:
    files = st.file_uploader(
        "PNG or JPEG, up to 5 MB each", ["png", "jpg", "jpeg"], accept_multiple_files=True,
        **state.act("own files", functools.partial(_uploaded, bundle)),
    )  # fmt: skip
    found, refused = _read(bundle, files)
    for reason in refused:
        st.error(messages.plain_message(reason), icon=":material/error:")
    chosen = next((one for one in found if one.image_id == image_id), None)
    if chosen is not None:
        _beside(bundle, chosen)
    if len(found) > 1 or (found and was_refused(image_id)):
        st.caption(f"{len(found)} images, as the model sees them. Click one to look into it.")
        image_grid.image_grid(
            image_data.images(bundle, [one.image_id for one in found]),
            alt=[f"{one.name}, as the model sees it" for one in found],
            key="uploads",
            captions=[one.name if len(one.name) < 18 else f"{one.name[:15]}..." for one in found],
            ids=[one.image_id for one in found],
            selected=image_id,
            on_pick=_pick,
        )


def _read(bundle: "Bundle", files: list[Any]) -> tuple[list[loader.Upload], list[str]]:
    found, refused = [], []
    for file in files[:MOST]:
        try:
            found.append(loader.upload(bundle, file.getvalue(), file.name))
        except DataError as error:
            refused.append(str(error))
    if len(files) > MOST:
        refused.append(
            f"At most {MOST} images are read at once; {len(files) - MOST} were left out."
        )
    return found, refused


def _uploaded(bundle: "Bundle", files: list[Any]) -> None:
    """Select the first of the images that were just uploaded, even if it was uploaded before."""
    known = state.setting("own uploads", [])
    fresh, refused = _read(bundle, [file for file in files[:MOST] if file.file_id not in known])
    state.put_setting("own uploads", [file.file_id for file in files])
    if fresh:
        state.select_image(fresh[0].image_id)
    state.put_setting("own refused", state.selected_id() if refused and not fresh else "")


def _pick(image_id: str) -> None:
    state.put_setting("own refused", "")
    state.select_image(image_id)


def _beside(bundle: "Bundle", chosen: loader.Upload) -> None:
    """Show an upload beside the image that the model sees."""
    before, after = st.columns(2)
    with before:
        image_grid.picture(chosen.original, alt=f"{chosen.name}, as uploaded", key="uploaded",
                           width=130, caption="Uploaded")  # fmt: skip
    with after:
        image_grid.picture(image_data.images(bundle, [chosen.image_id])[0],
                           alt=f"{chosen.name}, as the model sees it", key="converted",
                           width=130, caption="As the model sees it")  # fmt: skip
    st.caption(f"{messages.code(chosen.name)} was {', '.join(chosen.notes)}.")
