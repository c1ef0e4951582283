"""What `xai train --events` tells other programs."""

import itertools
import json
import math
from pathlib import Path

import pytest

from xai_core.errors import DataError
from xai_core.models.config import ClusterVAEConfig
from xai_core.training.config import TrainingConfig
from xai_core.training.eta import TimedProgress, time_left
from xai_core.training.events import event_file
from xai_core.training.progress import EpochMetrics, Progress
from xai_core.training.stages.table import STAGES, expected_seconds

FULL = Path("/dev/full")


def test_events_are_lines_of_strict_json(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "epo')  # a process was killed here
    with event_file(path) as events:
        events.on_begin({"vae": 60.0}, 10)
        events.on_progress(Progress("vae", 3, 8))
        events.on_epoch(EpochMetrics(stage="vae", epoch=1, epochs=2, loss=math.nan, seconds=0.5))
    told = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert [event["event"] for event in told] == ["begin", "progress", "epoch"]
    assert (told[0]["expected"], told[0]["num_clusters"]) == ({"vae": 60.0}, 10)
    assert (told[1]["stage"], told[1]["done"], told[1]["total"]) == ("vae", 3, 8)
    assert told[2]["loss"] is None and told[2]["epochs"] == 2


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with event_file(None) as events:
        events.on_progress(Progress("vae", 3, 8))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not FULL.exists(), reason="Linux's disk that is always full is not here")
def test_events_that_cannot_be_written_are_named(tmp_path):
    wanted = r"Cannot write the events into `{}`: .* --events; .* --resume"
    with pytest.raises(DataError, match=wanted.format(FULL)), event_file(FULL) as events:
        events.on_progress(Progress("vae", 3, 8))
    with pytest.raises(DataError, match=wanted.format(tmp_path)), event_file(tmp_path):
        pass


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
    training = TrainingConfig(pseudo_label_weight=guess, epochs=3, train_images=20)
    expected = expected_seconds(data, ClusterVAEConfig(num_clusters=clusters), training)
    assert list(expected) == stages.split()
    assert expected["vae"] == pytest.approx(3 * 20 * STAGES["vae"].milliseconds / 1000)


@pytest.mark.parametrize("total", [1, 10])
def test_the_time_left_falls_only_as_the_share_rises(total):
    expected = {"assign": 100.0, "vae": 100.0}
    moves = [TimedProgress("assign", 0, total, 0.0)]
    ahead = [time_left(expected, moves, now=float(now)) for now in range(0, 400, 5)]
    for before, after in itertools.pairwise(ahead):
        assert (after.whole < before.whole) == (after.share > before.share)
        assert after.whole == pytest.approx(200 * (1 - after.share))
    assert ahead[0].share == 0.0 and ahead[0].whole == 200.0
    assert ahead[-1].share < 0.5 and ahead[-1].whole > 100.0  # a stage that hangs is not done


def test_before_a_first_report_nothing_is_done_and_no_time_passes():
    ahead = time_left({"vae": 60.0}, [], now=1000.0)
    assert (ahead.share, ahead.whole) == (0.0, 60.0)


def test_a_moments_work_says_little_of_the_time_left(subtests):
    """Of 600 expected seconds, whatever a stage measured in less than one of them."""
    for total in (2, 3, 60):
        for work in (0.001, 0.01, 0.1, 0.9):
            for took in (0.0, 0.0001, 0.01, 0.1, 0.9, -3600.0):
                with subtests.test(total=total, work=work, took=took):
                    expected = {"classifier": work, "vae": 600.0}
                    moves = [
                        *(TimedProgress("classifier", done, total, took * done / total)
                          for done in range(total + 1)),
                        TimedProgress("vae", 0, 2000, took),
                    ]  # fmt: skip
                    assert 400 < time_left(expected, moves, now=took).whole < 900


@pytest.mark.parametrize("slowness", [0.05, 0.5, 1.0, 3.0, 20.0])
def test_longer_work_decides_the_time_left(slowness):
    moves = [TimedProgress("vae", done, 600, done * slowness) for done in range(301)]
    ahead = time_left({"vae": 600.0}, moves, now=moves[-1].at)
    assert ahead.whole == pytest.approx(300 * slowness, rel=1e-3)
