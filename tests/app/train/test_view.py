"""The Train page: what it offers, starts, shows and opens."""

import json
import shutil

import pytest

from dashboard.services.jobs import runs
from dashboard.views.train import form, loader
from xai_core.training.settings import SETTINGS

from ..parts import drawings, widget


@pytest.fixture
def root(tiny_bundle_path, tmp_path, monkeypatch):
    """A working directory with ./checkpoints/bars, in which trainings are only recorded."""
    shutil.copytree(tiny_bundle_path, tmp_path / "checkpoints" / "bars")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAI_BUNDLES", raising=False)
    launched = []

    def launch(request):
        launched.append(request)
        recorded(request.name, 0.1, data=request.data)

    monkeypatch.setattr(runs, "_launch", launch)
    monkeypatch.setattr(loader, "sizes", lambda *_: loader.Sizes(10, 16, 10, 60_000))
    monkeypatch.setattr(loader, "expected_minutes", lambda *_: 25.4)
    return launched


@pytest.fixture
def open_train(root, open_page_without_bundle):
    """Open the page there: the other fixture goes to the same folder and adds nothing."""
    return lambda: open_page_without_bundle("train")


def recorded(name, loss, *, end=None, data="mnist"):
    folder = runs.CHECKPOINTS / ".runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    known = {"request": {"name": name, "data": data, "preset": "smoke"}, "begun": 1.0 / loss}
    (folder / "run.json").write_text(json.dumps({**known, "group": 1, "host": "here"}))
    terms = {"elbo": -100 * loss, "cluster_information": 2.0, "accuracy": None, "nmi": None}
    events = [
        {
            "event": "begin",
            "at": 0.0,
            "expected": {"vae": 60, "classifier": 60},
            "num_clusters": 2,
        },
        {"event": "progress", "at": 1.0, "stage": "vae", "done": 5, "total": 10},
        *(
            {
                "event": "epoch",
                "at": 1.0,
                "stage": "vae",
                "epoch": e,
                "loss": loss / e,
                "seconds": 7,
            }
            | terms
            for e in (1, 2)
        ),
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    (folder / "log.txt").write_text("warning: Cluster collapse\nerror: The disk is full.\n")
    if end is not None:
        (folder / "end.json").write_text(json.dumps({"status": end}))


def test_a_training_is_started_with_what_was_chosen(root, open_train, text_of):
    app = open_train()
    assert "About 25 min on 2 CPU cores" in text_of(app)
    assert "No training is running" in text_of(app)
    widget(app.number_input, "Clusters K").set_value(12)
    widget(app.number_input, "Seed").set_value(7)
    widget(app.text_input, "Name").set_value("mine-1").run()
    widget(app.button, "Start training").click().run()
    assert root == [
        runs.Request(
            name="mine-1", data="mnist", preset="default", settings={"clusters": 12}, seed=7
        )
    ]
    assert widget(app.text_input, "Name").value == "mine-2"
    assert not app.exception


def test_every_setting_is_offered_and_what_is_stated_is_trained_with(root, open_train):
    app = open_train()
    fields = {w.label for w in (*app.number_input, *app.selectbox)}
    for name in SETTINGS.keys() - set(loader.Sizes._fields):
        assert name.replace("_", " ").capitalize() in fields, name
    widget(app.number_input, "Batch size").set_value(64)
    widget(app.selectbox, "Decoder conditioning").set_value("z+c")
    widget(app.number_input, "Learning rate").set_value(0.001).run()
    widget(app.button, "Start training").click().run()
    assert root[0].settings == (
        {"decoder_conditioning": "z+c", "batch_size": 64, "learning_rate": 0.001}
    )


def test_own_images_are_trained_on_from_a_path(root, open_train, tmp_path, text_of):
    (tmp_path / "digits.npz").touch()
    app = open_train()
    widget(app.selectbox, "Data").set_value(form.OWN).run()
    assert not [b for b in app.button if b.label == "Start training"]
    widget(app.text_input, "Path").set_value(" digits.npz ").run()
    widget(app.button, "Start training").click().run()
    assert [request.data for request in root] == [str(tmp_path / "digits.npz")]
    assert root[0].columns == {}
    widget(app.text_input, "Table").set_value(" table.csv")
    widget(app.text_input, "Column of labels").set_value("species").run()
    widget(app.button, "Start training").click().run()
    table = str(tmp_path / "table.csv")
    assert root.pop().columns == {"metadata": table, "label_column": "species"}
    widget(app.text_input, "Path").set_value("nowhere.npz").run()
    widget(app.button, "Start training").click().run()
    assert "`data` must be one of mnist" in text_of(app) and not app.exception and len(root) == 1


def test_a_path_that_holds_no_images_is_refused_with_words(
    root, open_train, tmp_path, monkeypatch, text_of
):
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits.npz").write_bytes(b"no archive")
    app = open_train()
    widget(app.selectbox, "Data").set_value(form.OWN).run()
    widget(app.text_input, "Path").set_value("digits.npz").run()
    assert "digits.npz" in text_of(app) and not app.exception and root == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("../up", "letters, digits and hyphens"), ("bars", "already a bundle or a training")],
)
def test_a_bad_name_is_refused_with_words(root, open_train, text_of, name, message):
    app = open_train()
    widget(app.text_input, "Name").set_value(name).run()
    widget(app.button, "Start training").click().run()
    assert message in text_of(app) and not app.exception and root == []


def test_a_failed_run_says_why_and_is_resumed_or_removed(root, open_train, text_of):
    recorded("old", 1.0, end=1)
    app = open_train()
    assert "error: The disk is full. (exit status 1)" in text_of(app)
    assert "Failed" in text_of(app) and "warning: Cluster collapse" in text_of(app)
    widget(app.button, "Resume").click().run()
    assert [request.name for request in root] == ["old"]
    (runs.CHECKPOINTS / ".runs/old/end.json").write_text('{"status": -9}')
    app.run()
    assert "SIGKILL" in text_of(app)
    widget(app.button, "Remove it").click().run()
    assert not app.exception
    assert "No training is running" in text_of(app) and "the last one" not in text_of(app)


def test_two_runs_stand_side_by_side(root, open_train, text_of):
    recorded("one", 1.0, end=0)
    recorded("two", 0.9, end=-15)
    app = open_train()
    table = app.table[-1].value.set_index("Measure")
    assert list(table.columns) == ["two", "one"]
    bounds = [f"\N{MINUS SIGN}{nats}.00" for nats in (90, 100)]
    assert list(table.loc["ELBO after the last, nats"]) == bounds
    assert list(table.loc["Accuracy of clusters*"]) == ["\N{EN DASH}"] * 2
    shown = drawings(app)
    assert {row[0] for row in shown["train vae elbo"]["rows"]} == {"one", "two"}
    named = [name for name, data in shown.items() if ">one</text>" in data["svg"]]
    assert named == ["train vae elbo"]
    assert "No training is running; the last one, two, " in text_of(app)
    widget(app.selectbox, "Compare with").set_value("bars").run()
    table = app.table[-1].value.set_index("Measure")
    assert list(table.columns) == ["two", "bars"]
    assert table.loc["Test accuracy of clusters", "bars"] != "\N{EN DASH}"


def test_a_running_one_shows_progress_and_time_left(root, open_train, monkeypatch, text_of):
    recorded("one", 1.0)
    monkeypatch.setattr(runs, "_is_locked", lambda folder: True)
    monkeypatch.setattr("dashboard.services.jobs.runs.time.time", lambda: 2.0)
    app = open_train()
    bar = app.get("progress")[0].proto
    assert bar.text == "Cluster VAE, step 5 of 10 · 26 % of the work · about 1 min left"
    assert bar.value == 25 and widget(app.button, "Stop training")
    assert "one is running: about 1 min left" in text_of(app)


def test_the_result_is_opened(root, open_train, tiny_bundle_path):
    shutil.copytree(tiny_bundle_path, runs.CHECKPOINTS / "mine")
    recorded("mine", 1.0, end=0)
    app = open_train()
    assert app.session_state["setting.bundle"] == "bars"
    widget(app.button, "Open").click().run()
    assert app.session_state["setting.bundle"] == "mine"
    assert app.title[0].value == "Explore a cluster VAE"


def test_the_page_needs_no_bundle(root, open_train, text_of):
    shutil.rmtree(runs.CHECKPOINTS / "bars")
    app = open_train()
    assert widget(app.button, "Start training") and "No training is running" in text_of(app)


def test_switched_off_it_offers_nothing(root, open_train, monkeypatch, text_of):
    monkeypatch.setenv(runs.SWITCH, "off")
    app = open_train()
    assert "switched off on this server" in text_of(app)
    assert not [b for b in app.button if b.label == "Start training"]


@pytest.mark.parametrize(
    ("name", "after"),
    [("run-1", "run-2"), ("run-9", "run-10"), ("mine", "mine-2"), ("a" * 40, "a" * 37 + "-2")],
)
def test_the_next_name_counts_on(name, after):
    assert form._next(name) == after


def test_time_left_is_said_as_coarsely_as_it_is_known():
    said = [loader.duration(s) for s in (5, 45, 130, 9000)]
    assert said == ["half a minute", "1 min", "2 min", "2.5 hours"]
