"""Every command on data sets at the edge of what can be used: a right answer or one line."""

import pytest
from typer.testing import CliRunner

from xai_core import cli

from ...degenerate import SETS

COMMANDS = {
    "list": [],
    "info": ["{}"],
    "evaluate": ["{}", "--likelihood-images", "2", "--likelihood-samples", "2"],
    "evaluate train": ["{}", "--split", "train", "--likelihood-images", "0"],
    "encode": ["{}", "--images", "{data}", "--out", "z.npz"],
    "encode sets": ["{}", "--images", "{data}", "--level", "0.95", "--out", "z.npz"],
    "attribute": ["{}", "--images", "test", "--method", "saliency", "--out", "a.npz"],
    "attribute clusters": ["{}", "--images", "{data}", "--method", "integrated_gradients",
                           "--of", "cluster", "--out", "a.npz", "--scores", "--figure", "a.png"],
    "attribute critic": ["{}", "--images", "test:0", "--method", "critic", "--out", "a.npz"],
    "faithfulness": ["{}", "--methods", "saliency,critic", "--num-images", "2"],
    "faithfulness clusters": ["{}", "--methods", "saliency", "--num-images", "2",
                              "--of", "cluster"],
    "counterfactual": ["{}", "--images", "test:0", "--target", "all", "--out", "cf.npz",
                       "--figure", "cf.png", "--max-steps", "20"],
    "counterfactual clusters": ["{}", "--images", "test:0", "--target", "1", "--of", "cluster",
                                "--method", "nearest", "--out", "cf.npz"],
    "counterfactual nearest": ["{}", "--images", "test:0", "--target", "all", "--method",
                               "nearest", "--out", "cf.npz"],
    "verify": ["{}", "--num-images", "4", "--num-samples", "4"],
    "report": ["{}", "--image", "test:0", "--out", "r.html"],
    "export": ["{}", "--out", "map.html", "--explain", "2"],
    "figures": ["{}", "--out", "figures", "--count", "4"],
}  # fmt: skip
REFUSED = {
    "one_class": {
        "attribute critic": "has no critic",
        "faithfulness": "at least two classes|has no critic",
        "counterfactual": "at least two classes, got 1",
        "counterfactual nearest": "at least two classes, got 1",
    },
    "no_labels": {"encode sets": "has no labelled test images"} | dict.fromkeys(
        ("attribute", "attribute critic", "faithfulness", "counterfactual",
         "counterfactual nearest"),
        "has no classifier",
    ),
}  # fmt: skip
"""What cannot be answered, and the words that say why."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_or_says_why_not(
    command, degenerate_bundles, degenerate_files, tmp_path, monkeypatch, subtests
):
    monkeypatch.setenv("XAI_BUNDLES", str(degenerate_bundles / "checkpoints"))
    for name in SETS:
        with subtests.test(name=name):
            (tmp_path / name).mkdir()
            monkeypatch.chdir(tmp_path / name)
            line = [part.format(name, data=degenerate_files[name]) for part in COMMANDS[command]]
            answers_or_says_why_not(command, name, line)


def answers_or_says_why_not(command, name, line):
    result = CliRunner().invoke(cli.app, [command.split()[0], *line])
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        f"{type(result.exception)}: {result.exception}"
    )
    refusal = REFUSED.get(name, {}).get(command)
    if command == "verify" and result.exit_code:
        assert (
            "facts fail" in result.stderr.splitlines()[-1]
        )  # 4 images and 4 draws settle no mean
    elif refusal is None:
        assert result.exit_code == 0, result.stderr
    else:
        assert result.exit_code == 1
        (said,) = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
        assert any(words in said for words in refusal.split("|")), said


@pytest.mark.parametrize("name", SETS)
def test_every_set_can_be_trained_on(name, degenerate_files, tmp_path):
    out = tmp_path / name
    line = ["train", "--data", str(degenerate_files[name]), "--out", str(out)]
    line += ["--preset", "smoke", "--clusters", "2", "--latent-dim", "2", "--epochs", "1"]
    result = CliRunner().invoke(cli.app, line)
    assert result.exit_code == 0, (result.exception, result.stderr)
    assert (out / "manifest.json").is_file()
