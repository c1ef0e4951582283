"""Strategies are found where they were planted, and only planted marks are flagged."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from xai_core import cli
from xai_core.errors import DataError
from xai_core.evaluation.strategies.groups import find_strategies, map_of_heatmaps
from xai_core.evaluation.strategies.of_bundle import strategies_of
from xai_core.evaluation.strategies.shortcuts import Window, confirm, object_masks, off_object

MARK = (..., slice(1, 6), slice(1, 6))


def discs(count, *, marked, channels=1, side=28):
    """Images of discs at random places, the first ones with a mark, and maps that follow both."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    centre = rng.uniform(11, side - 7, (count, 2, 1, 1))
    inside = np.hypot(rows - centre[:, 0], columns - centre[:, 1]) < 5
    images = torch.from_numpy(inside).float()[:, None].repeat(1, channels, 1, 1) * 0.8
    maps = torch.from_numpy(inside).float() + 0.02 * torch.from_numpy(
        rng.standard_normal((count, side, side))
    )
    images[:marked][MARK] = 1.0
    maps[:marked][MARK] = 4.0
    return images, maps.float()


def test_planted_marks_are_flagged_and_nothing_else(subtests):
    for marked, count, channels in ((40, 100, 1), (100, 100, 3), (0, 100, 1), (20, 200, 3)):
        with subtests.test(marked=marked, count=count, channels=channels):
            images, maps = discs(count, marked=marked, channels=channels)
            found = find_strategies(images, maps)
            flagged = [group for group in found.groups if group.flagged]
            rows = np.concatenate([group.rows for group in flagged] or [np.empty(0, int)])
            assert sorted(rows) == list(range(marked))
            assert sorted(np.concatenate([g.rows for g in found.groups])) == list(range(count))
            assert [len(g.rows) for g in found.groups] == sorted(
                (len(g.rows) for g in found.groups), reverse=True
            )
            for number, group in enumerate(found.groups):
                assert (found.of_image[group.rows] == number).all()
                assert 0 <= group.off_object <= 1 and -1 <= group.consistency <= 1
                assert group.mean.shape == (28, 28)
                assert ("rows from 1, columns from 1" in group.reason) == group.flagged
    with subtests.test("the map of heatmaps separates what was planted"):
        images, maps = discs(100, marked=50)
        places = map_of_heatmaps(find_strategies(images, maps).directions)
        near = np.linalg.norm(places[:50] - places[:50].mean(0), axis=1)
        assert near.max() < np.linalg.norm(places[50:] - places[:50].mean(0), axis=1).min()
    with subtests.test("few or equal heatmaps are one group"):
        for images, maps in (discs(3, marked=3), (torch.zeros(30, 1, 8, 8), torch.ones(30, 8, 8))):
            (group,) = find_strategies(images, maps).groups
            assert not group.flagged and len(group.rows) == len(images)
    with subtests.test("the heaviest part is the object"):
        images, maps = discs(10, marked=10)
        masks = object_masks(images)
        assert not masks[:, 1:6, 1:6].any() and masks.any((1, 2)).all()
        shares = off_object(images, -maps)
        assert not shares[:, 1:6, 1:6].any(), "what speaks against the class is no reason for it"
    with subtests.test("heatmaps of another size"), pytest.raises(ValueError, match="one map of"):
        find_strategies(images, maps[:, 1:])


def test_only_a_window_that_decides_is_confirmed(subtests):
    images, _ = discs(60, marked=20)
    window = Window(top=1, left=1, side=5, share=0.5)
    groups = images[:20], images[20:40], images[40:]

    def by_mark(x):
        return torch.stack([torch.full((len(x),), 0.5), x[MARK].mean((1, 2, 3))], 1)

    def by_disc(x):
        return torch.stack([torch.full((len(x),), 0.1), x[:, 0, 7:, 7:].mean((1, 2))], 1)

    with subtests.test("by the mark"):
        found = confirm(window, *groups, forward=by_mark, target=1)
        assert found.confirmed
        assert (found.removed, found.removed_by_chance) == (1, 1)
        assert (found.added, found.added_by_chance) == (1, 0)
    with subtests.test("by the disc"):
        found = confirm(window, *groups, forward=by_disc, target=1)
        assert not found.confirmed and found.removed == found.removed_by_chance
    with subtests.test("without other images"):
        found = confirm(window, images[:20], images[:0], images[:0], forward=by_mark, target=1)
        assert found.confirmed and np.isnan([found.removed_by_chance, found.added]).all()


def test_a_bundle_answers_for_each_output(tiny_bundle, tmp_path, subtests):
    for output in ("classifier", "cluster"):
        with subtests.test(output):
            found = strategies_of(tiny_bundle, 1, output=output)
            column = {"classifier": "predicted", "cluster": "cluster"}[output]
            assert (tiny_bundle.index[column].to_numpy()[found.rows] == 1).all()
            assert found.method == "lrp"
            assert found.places.shape == (len(found.rows), 2) and np.isfinite(found.places).all()
            assert len(found.confirmations) == len(found.strategies.groups)
    with subtests.test("the command writes the table"):
        out = tmp_path / "s.csv"
        options = ("--target", "1", "--out", str(out), "--device", "cpu", "--json")
        result = CliRunner().invoke(cli.app, ["strategies", str(tiny_bundle.path), *options])
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        table = pd.read_csv(out)
        expected = strategies_of(tiny_bundle, 1).table(tiny_bundle)
        assert table["id"].tolist() == expected["id"].tolist()
        assert [row["images"] for row in told["strategies"]] == (
            table["strategy"].value_counts(sort=False).sort_index().tolist()
        )
    with subtests.test("no classes"), pytest.raises(ValueError, match="tell classes apart"):
        strategies_of(tiny_bundle, 0, output="elbo")
    with subtests.test("no images"), pytest.raises(DataError, match="No image is decided"):
        index = tiny_bundle.index.assign(predicted=0)
        strategies_of(dataclasses.replace(tiny_bundle, index=index), 1)
