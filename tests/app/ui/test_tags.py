"""Pins and tags: made on one page, used on others, seen by everyone at once."""

import json

from dashboard.links import PAGES
from xai_core.bundle.notes import PINNED, notes_file
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.tags import export_notes, tag_images, untag_images
from xai_core.bundle.writing import save_bundle

from ..parts import drawings, unescaped, widget

LEFT = "0.-10000_10000.-10000_10000.10000_0.10000"


def test_images_are_pinned_tagged_coloured_and_shown_beside(
    open_page_without_bundle, component, send, tiny_parts, tmp_path, text_of, subtests
):
    folder = save_bundle(tmp_path / "checkpoints" / "bars", **tiny_parts)
    hostile = '<b>![x](//evil) $1$ "`'

    def tags():
        return load_bundle(folder).notes.tags

    app = open_page_without_bundle("heatmaps", image="test:3")
    with subtests.test("pinned images stand beside the selected one"):
        assert not [heading for heading in app.subheader if "Beside" in heading.value]
        widget(app.button, "Pin").click().run()
        assert tags() == {PINNED: ("test:3",)} and not app.exception
        app = open_page_without_bundle("heatmaps", image="test:4")
        assert {"test:3", "test:4"} <= set(drawings(app))
        app.switch_page(PAGES["counterfactuals"]).run()
        assert not app.exception
        assert [h for h in app.subheader if h.value.startswith("Beside the pinned images, into")]

    with subtests.test("a new tag, and its removal"):
        app.session_state["tags"] = True
        app.run()
        widget(app.text_input, "New tag for test:4").input(hostile)
        widget(app.button, "Add the tag").click().run()
        assert tags()[hostile] == ("test:4",)
        pills = next(p for p in app.get("button_group") if p.label == "Tags of test:4")
        assert pills.value == [hostile]
        pills.set_value([]).run()
        assert set(tags()) == {PINNED}
        undo = next(b for b in app.button if b.label.startswith("Undo: tag"))
        assert hostile in unescaped(undo.label)
        undo.click().run()
        assert tags()[hostile] == ("test:4",)
        widget(app.text_input, "New tag for test:4").input("\u200b")
        widget(app.button, "Add the tag").click().run()
        assert "A tag's name has" in app.toast[0].value and not app.exception

    with subtests.test("what another writes is seen, and kept"):
        tag_images(load_bundle(folder), "others", ["test:4", "test:5"])
        pills = next(p for p in app.get("button_group") if p.label == "Tags of test:4")
        pills.set_value([]).run()
        assert tags() == {PINNED: ("test:3",), "others": ("test:4", "test:5")}

    tagged = tag_images(load_bundle(folder), hostile, ["test:5", "train:1"])
    with subtests.test("colours of the map and the images in a lasso"):
        app = open_page_without_bundle("latent_map", colour="tag", tag="others", lasso=LEFT)
        data, _ = component(app, "latent map")
        assert data["legend"]["names"] == [hostile, "others", "several tags"]
        assert component(app, "tagged")[0]["ids"] == ["test:4", "test:5"]
        inside = [b for b in app.button if b.label.startswith("Tag these")]
        assert len(inside) == 1
        widget(app.selectbox, "Tag").set_value(hostile)  # a new one cannot be typed in this test
        inside[0].click().run()
        x = tiny_parts["index"]["umap_x"]
        right = set(tiny_parts["index"]["id"][x > 0])
        assert f"Tag these {len(right):,} images" == inside[0].label
        assert set(tags()[hostile]) == right | {"test:5", "train:1"}
        undo = [b for b in app.button if b.label.startswith("Undo: tag")][-1]
        untag_images(tagged, "others", ["test:4"])
        undo.click().run()
        assert "changed once more meanwhile" in unescaped(app.toast[0].value)
        assert set(tags()[hostile]) == right | {"test:5", "train:1"}

    with subtests.test("rename, remove, export and import"):
        app = open_page_without_bundle("latent_map", tag="others")
        widget(app.text_input, "New name of the tag").input("theirs")
        widget(app.button, "Rename the tag").click().run()
        assert tags()["theirs"] == ("test:5",) and "others" not in tags()
        assert component(app, "tagged")[0]["ids"] == ["test:5"]
        exported = export_notes(load_bundle(folder))
        widget(app.button, "Remove the tag").click().run()
        assert "theirs" not in tags()

        def imported(text):
            app.file_uploader[0].set_value([("n.json", text.encode(), "application/json")])
            widget(app.button, "Add them to these").click().run()
            assert not app.exception

        imported(json.dumps({**json.loads(exported), "data_set": {"name": "x", "sha256": "y"}}))
        assert "about images of 'x'" in unescaped(app.error[0].value) and "theirs" not in tags()
        imported(exported)
        assert tags()["theirs"] == ("test:5",)
        assert "Imported: 1 tagged images, 0 names of clusters." in app.info[-1].value

    with subtests.test("without the notes"):
        notes_file(folder).unlink()
        app.run()
        assert not app.exception and "None yet." in text_of(app)
