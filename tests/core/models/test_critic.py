import dataclasses
from pathlib import Path

import pytest
import torch

from xai_core.bundle.explained_output import explained_output
from xai_core.bundle.reading import load_bundle
from xai_core.errors import ConfigError
from xai_core.evaluation.critic_metrics import score_critic
from xai_core.evaluation.infill import infill_from_rest
from xai_core.models.critic import Critic, CriticConfig, marked
from xai_core.models.pixel_masks import top_pixels
from xai_core.training.config import CriticTraining
from xai_core.training.stages.critic import fit_one_cycle, train_critics
from xai_core.training.stages.critic_objective import log_odds, straight_through

PLACES = [(4, 4), (4, 18), (18, 4), (18, 18)]
SMALL = CriticConfig(budget=8, hidden=32)
SHORT = CriticTraining(
    surrogate_epochs=15, epochs=30, learning_rate=1e-2, other_weight=1.0, swap_weight=0.0
)


def patches(count=256, seed=0):
    """Grey noise with one brighter patch of four; the rest of the image says nothing."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 120, (count, 28, 28), generator=generator)
    for image, which in zip(images, torch.arange(count) % 4, strict=True):
        row, column = PLACES[which]
        image[row : row + 6, column : column + 6] = torch.randint(
            130, 255, (6, 6), generator=generator
        )
    return images.to(torch.uint8)[:, None]


def brightest(x):
    means = [x[:, 0, row : row + 6, column : column + 6].mean((1, 2)) for row, column in PLACES]
    return 40 * torch.stack(means, 1)


def inside():
    where = torch.zeros(28, 28)
    for row, column in PLACES:
        where[row : row + 6, column : column + 6] = 1
    return where


@pytest.fixture(scope="module")
def learned():
    with torch.random.fork_rng():
        return train_critics(
            patches(),
            explained={"patch": brightest},
            reconstruct=lambda x: 0.5 * x,
            config=SMALL,
            training=SHORT,
        )["patch"].eval()


@pytest.fixture(scope="module")
def shipped():
    return load_bundle(Path(__file__).parents[3] / "checkpoints" / "mnist")


def floats(images):
    return images.float() / 255


# --- the network ------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "targets", "budget"), [(1, 2, 1), (3, 10, 31), (5, 4, 783)])
def test_exactly_the_budget_is_above_one_half_and_marked(count, targets, budget):
    critic = Critic(CriticConfig(budget=budget, hidden=16), targets)
    mask = critic(torch.rand(count, 1, 28, 28), torch.arange(count) % targets)
    assert mask.shape == (count, 28, 28)
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert ((mask > 0.5).sum((1, 2)) == budget).all()
    assert torch.equal(marked(mask, budget), (mask > 0.5).float())


def test_an_image_is_marked_alike_alone_and_in_a_batch():
    critic, x = Critic(CriticConfig(), 10), torch.rand(4, 1, 28, 28)
    together = critic(x, torch.arange(4))
    torch.testing.assert_close(critic(x[2:3], torch.tensor([2])), together[2:3])


def test_nearly_all_pixels_of_a_learned_mask_differ(learned):
    mask = learned(floats(patches(4, seed=1)), torch.zeros(4, dtype=torch.long))
    assert min(len(row.unique()) for row in mask.flatten(1)) > 700


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 0}, r"`budget` must be in \[1, 16384\), got 0"),
        ({"budget": 784}, "`budget` must be below 784, got 784"),
        ({"hidden": 0}, "`hidden` must be at least 1, got 0"),
    ],
)
def test_impossible_critics_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Critic(CriticConfig(**change), 10)


# --- the gradient through the top pixels ------------------------------------------------------


def test_the_top_pixels_are_marked_whatever_the_gradient():
    scores = torch.randn(6, 28, 28, requires_grad=True)
    budgets = torch.tensor([1, 2, 31, 31, 200, 783])
    mask = straight_through(scores, budgets)
    assert mask.sum((1, 2)).tolist() == budgets.tolist()
    assert mask.requires_grad


def test_a_pixel_worth_more_than_those_at_the_threshold_rises_and_one_worth_less_falls():
    scores = torch.zeros(1, 1, 4)
    scores[0, 0] = torch.tensor([1.0, 0.1, -0.1, -1.0])  # two are marked; 1 and 2 set the price
    scores.requires_grad_()
    worth = torch.tensor([1.0, 2.0, 2.0, 5.0])
    (straight_through(scores, torch.tensor([2])) * worth).sum().backward()
    gradient = scores.grad[0, 0]
    assert gradient[0] < 0 < gradient[3]
    assert gradient[1].abs() < gradient[3]


def test_steps_along_the_gradient_reach_the_best_set():
    worth = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(2))
    scores = torch.zeros(3, 4, 4) + 0.01 * torch.randn(3, 4, 4)
    scores.requires_grad_()
    for _ in range(200):
        mask = straight_through(scores, torch.full((3,), 5))
        (gradient,) = torch.autograd.grad((mask * worth).sum(), scores)
        scores = (scores + 0.1 * gradient).detach().requires_grad_()
    best = marked(worth, 5)
    assert torch.equal(straight_through(scores, torch.full((3,), 5)), best)


def test_log_odds_are_those_of_the_softmax():
    logits = torch.randn(5, 4, dtype=torch.float64)
    target = torch.tensor([0, 1, 2, 3, 0])
    probs = logits.softmax(1).gather(1, target[:, None]).squeeze(1)
    torch.testing.assert_close(log_odds(logits, target), torch.logit(probs))


# --- what is learned --------------------------------------------------------------------------


def test_marks_lie_where_the_decision_is_made(learned):
    images = patches(200, seed=1)
    x = floats(images)
    mask = marked(learned(x, brightest(x).argmax(1)), 8)
    assert (mask * inside()).sum() / mask.sum() > 0.95  # 0.18 of the image


def test_the_shipped_critics_mark_other_pixels_for_another_target(shipped):
    x = floats(shipped.dataset.test.images[:200])
    for name, critic in shipped.critics.items():
        decision = explained_output(shipped, name).function(shipped)(x).argmax(1)
        budget = critic.config.budget
        mask, other = (marked(critic(x, t), budget) for t in (decision, (decision + 1) % 10))
        union = ((mask + other) > 0).sum()
        assert (mask * other).sum() / union < 0.5, name


@pytest.mark.parametrize("name", ["classifier", "cluster"])
def test_the_shipped_critics_rank_first_what_the_decision_hangs_on(shipped, name):
    x = floats(shipped.dataset.test.images[:100])
    forward = explained_output(shipped, name).function(shipped)
    infill = infill_from_rest(shipped.model.reconstruct, neutral=shipped.dataset.mean_image)
    decision = forward(x).argmax(1)
    kept = [
        (forward(infill(x, 1 - top_pixels(scores, 150))).argmax(1) == decision).float().mean()
        for scores in (shipped.critics[name].scores(x, decision), torch.rand(100, 28, 28))
    ]
    assert kept[0] < 0.5
    assert kept[1] > 0.9


def test_another_function_gives_another_mask(learned):
    """What is explained decides, not the images: here it is the rows of the noise."""

    def upper_or_lower(x):
        rows = x[:, 0, :, 11:17]
        return 200 * torch.stack([rows[:, :14].mean((1, 2)), rows[:, 14:].mean((1, 2))], 1)

    other = train_critics(
        patches(),
        explained={"rows": upper_or_lower},
        reconstruct=lambda x: 0.5 * x,
        config=SMALL,
        training=SHORT,
    )["rows"]
    x = floats(patches(100, seed=1))
    mask = marked(other(x, upper_or_lower(x).argmax(1)), 8)
    own = marked(learned(x, brightest(x).argmax(1)), 8)
    assert (mask * own).sum() / mask.sum() < 0.2
    assert mask[:, :, 11:17].sum() / mask.sum() > 0.6


def test_the_explained_function_stays_as_it_is(tiny_models, tiny_dataset):
    model, classifier = tiny_models
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    critics = train_critics(
        tiny_dataset.train.images,
        explained={"classifier": classifier, "cluster": model.cluster_logits},
        reconstruct=model.reconstruct,
        config=SMALL,
        training=dataclasses.replace(SHORT, surrogate_epochs=1, epochs=1),
    )
    assert critics.keys() == {"classifier", "cluster"}
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_surrogate_and_a_critic_meet_no_masks_but_their_own():
    """The surrogate is fitted before any critic is, and is not changed after."""
    stages, weights = [], []

    def fit(stage, objective, batches, *, count, epochs, learning_rate):
        stages.append(stage)
        names = [name for name, value in objective.named_parameters() if value.requires_grad]
        weights.append({name.split(".")[0] for name in names})
        fit_one_cycle(
            stage, objective, batches, count=count, epochs=1, learning_rate=learning_rate
        )

    train_critics(
        patches(64),
        explained={"patch": brightest},
        reconstruct=lambda x: x,
        config=SMALL,
        training=SHORT,
        fit=fit,
    )
    assert stages == ["surrogate", "critic"]
    assert weights == [{"surrogate"}, {"critics"}]


def test_a_seed_decides_the_weights():
    def train(seed):
        return train_critics(
            patches(64),
            explained={"patch": brightest},
            reconstruct=lambda x: x,
            config=SMALL,
            training=dataclasses.replace(SHORT, surrogate_epochs=1, epochs=1),
            seed=seed,
        )["patch"].first.weight

    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))


def test_a_function_that_decides_nothing_is_refused():
    with pytest.raises(ValueError, match="at least two targets, 'one' has one"):
        train_critics(
            patches(8),
            explained={"one": lambda x: x.mean((2, 3))},
            reconstruct=lambda x: x,
            config=SMALL,
            training=SHORT,
        )


def test_impossible_trainings_are_refused(subtests):
    for change, message in [
        ({"epochs": 0}, "`epochs` must be at least 1, got 0"),
        ({"surrogate_epochs": 0}, "`surrogate_epochs` must be at least 1, got 0"),
        ({"train_images": 0}, "`train_images` must be at least 1, got 0"),
        ({"learning_rate": 1.0}, r"`learning_rate` must be in \(0, 1\), got 1"),
        ({"other_targets": 1.0}, r"`other_targets` must be in \[0, 1\), got 1"),
        ({"swap_weight": -1.0}, "`swap_weight` must be at least 0, got -1"),
    ]:
        with subtests.test(change=change, message=message):
            with pytest.raises(ConfigError, match=message):
                CriticTraining(**change)


# --- its scores -------------------------------------------------------------------------------


def test_scores_say_that_marks_keep_the_decision_where_random_pixels_do_not(learned):
    images = patches(100, seed=1)
    scores = score_critic(
        learned,
        images,
        forward=brightest,
        reconstruct=lambda x: x,
        neutral=torch.full((1, 1, 28, 28), 0.3),
        device="cpu",
    )
    assert scores.pixels == 8
    assert scores.kept > 0.95
    assert scores.as_dict().keys() >= {"kept", "kept_by_strokes", "kept_on_another"}


def test_no_image_cannot_be_scored(learned):
    with pytest.raises(ValueError, match="`images` must have at least one image"):
        score_critic(
            learned,
            patches(0),
            forward=brightest,
            reconstruct=lambda x: x,
            neutral=torch.zeros(1, 1, 28, 28),
            device="cpu",
        )
