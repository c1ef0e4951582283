"""What `xai train --events` tells other programs."""

import json
import math

import pytest

from xai_core.cli.events import MILLISECONDS, event_file, expected_seconds
from xai_core.model.vae import ClusterVAEConfig
from xai_core.training import PRESETS, EpochMetrics, Progress, TrainingConfig


def test_events_are_lines_of_strict_json(tmp_path, tiny_dataset):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "epo')  # a process was killed here
    with event_file(path) as events:
        events.on_begin(tiny_dataset, *PRESETS["smoke"])
        events.on_progress(Progress("vae", 3, 8))
        events.on_epoch(EpochMetrics(stage="vae", epoch=1, epochs=2, loss=math.nan, seconds=0.5))
    told = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert [event["event"] for event in told] == ["begin", "progress", "epoch"]
    assert told[0]["expected"].keys() == MILLISECONDS.keys()
    assert (told[1]["stage"], told[1]["done"], told[1]["total"]) == ("vae", 3, 8)
    assert told[2]["loss"] is None and told[2]["epochs"] == 2


def test_without_a_file_nothing_is_told(tiny_dataset):
    with event_file(None) as events:
        events.on_progress(Progress("vae", 3, 8))


@pytest.mark.parametrize(
    ("labels", "clusters", "guess", "stages"),
    [
        (True, 10, 1.0, "assign vae classifier surrogate critic evaluation index"),
        (True, 10, 0.0, "vae classifier surrogate critic evaluation index"),
        (False, 10, 1.0, "assign vae surrogate critic evaluation index"),
        (False, 1, 1.0, "vae evaluation index"),
    ],
)
def test_the_expected_stages_are_those_there_will_be(
    tiny_dataset, labels, clusters, guess, stages
):
    data = tiny_dataset if labels else tiny_dataset.without_labels()
    training = TrainingConfig(guess_weight=guess, epochs=3, train_images=20)
    expected = expected_seconds(data, ClusterVAEConfig(num_clusters=clusters), training)
    assert list(expected) == stages.split()
    assert expected["vae"] == pytest.approx(3 * 20 * MILLISECONDS["vae"] / 1000)
