"""Commands whose work on images is shared out among processes, each writing a Parquet part."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..terminal import print_json, print_table
from .options import images_of

if TYPE_CHECKING:
    import numpy as np

    from .._types import ByteImages
    from ..bundle import Bundle
    from ..runtime import Launch

__all__ = ["write_parts"]


def write_parts(
    folder: Path,
    work: "Callable[[Bundle, ByteImages, int], Mapping[str, np.ndarray]]",
    *,
    bundle: str,
    images: str,
    launch: "Launch",
    block: int,
    about: Mapping[str, object],
    as_json: bool,
) -> None:
    """Do some work on images in as many processes as asked for; the first one tells.

    Args:
        folder: Where the parts go, new or empty.
        work: What is written of some of the images, and how many there are before these; the
            rest is as `parts.write_part` asks for it.
        bundle: Name or path.
        images: As `images_of` takes them.
        launch: Devices and processes.
        block: Images that are worked on together.
        about: What else to tell.
        as_json: Whether to tell it as JSON.
    """
    from ..bundle import load_bundle
    from ..parts import check_folder, write_part
    from ..runtime import losses_named, make_fabric
    from ..workflow import is_first_process

    if is_first_process():
        check_folder(folder)
    fabric = make_fabric(launch)
    opened = load_bundle(bundle, device=fabric.device)
    pixels = images_of(opened, images)
    with losses_named(fabric, "Empty the folder and begin anew."):
        write_part(
            lambda rows: work(opened, pixels[rows], rows.start),
            len(pixels),
            folder,
            fabric=fabric,
            block=block,
        )
    if not is_first_process():
        return
    files = sorted(path.name for path in folder.iterdir())
    told = {"bundle": opened.name, **about, "out": str(folder)}
    told |= {"images": len(pixels), "parts": files}
    if as_json:
        print_json(told)
    else:
        print_table(f"{folder}", list(told.items()))
