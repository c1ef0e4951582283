"""The training on the map: what the component gets, and the sentence above it."""

import base64
import dataclasses

import numpy as np

from dashboard.views.latent_map import replay

PAGE = "latent_map"


def test_frames_hold_every_image_where_it_was(open_page, component, tiny_bundle, text_of):
    app = open_page(PAGE)
    data, _ = component(app, "replay")
    table = tiny_bundle.replay
    places = np.frombuffer(base64.b64decode(data["places"]), "<u2").reshape(-1, 2)
    wanted = table[["x", "y"]].to_numpy()
    middle = (wanted.min(0) + wanted.max(0)) / 2
    side = np.ptp(wanted, axis=0).max()
    there = (places / 65535 - 0.5) * side + middle
    assert np.abs(there - wanted).max() <= side / 65535
    clusters = np.frombuffer(base64.b64decode(data["clusters"]), "<u2")
    assert np.array_equal(clusters, table["cluster"])
    assert data["epochs"] == [0, 1, 2] and data["images"] == 10
    assert data["names"][0] == "Before the training; 1 cluster in use."
    assert data["names"][2] == "After epoch 2 of 2; 0 images changed cluster; 2 clusters in use."
    assert "were in their final cluster after epoch 1 of 2" in text_of(app)


def test_a_bundle_without_replay_has_no_such_section(tiny_bundle, monkeypatch, text_of):
    drawn = []
    monkeypatch.setattr(replay.layout, "section", lambda *words: drawn.append(words))
    replay.show(dataclasses.replace(tiny_bundle, replay=None))
    assert not drawn


def test_the_sentence_says_when_the_clusters_were_found():
    found = np.array([[0, 0, 0, 0], [0, 1, 2, 2], [0, 1, 2, 3]])
    assert replay.finding([0, 1, 5], found).endswith(
        "100 % were in their final cluster after epoch 5 of 5."
    )
    assert "before the training" in replay.finding([0, 1], found[[2, 2]])
