"""`python -m tests.benchmarks.critic`: is the critic's mask what the decision needs?

Trains a judge on random masks, readers on masks alone and a critic of a randomised model, and
prints their verdicts on test images as a Markdown table, which `results.json` keeps.
"""

import argparse
import copy
import time
from pathlib import Path

import torch
from torch import nn

from tests.benchmarks import results
from tests.benchmarks.critic import guards
from xai_core.bundle.reading import load_bundle
from xai_core.data.preprocessing import to_float
from xai_core.models.critic import marked
from xai_core.models.pixel_masks import random_strokes
from xai_core.training.config import CriticTraining
from xai_core.training.stages.critic import train_critics

BUNDLE = Path("checkpoints/mnist")
AT_ONCE = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default=BUNDLE)
    parser.add_argument("--of", choices=["classifier", "cluster"], default="classifier")
    parser.add_argument("--held-out", type=int, default=0, help="judge the last train images")
    parser.add_argument("--judge-epochs", type=int, default=6)
    parser.add_argument("--reader-epochs", type=int, default=4)
    parser.add_argument("--reader-images", type=int, default=30_000)
    parser.add_argument("--random-images", type=int, default=10_000)
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    forward = bundle.classifier if options.of == "classifier" else bundle.model.cluster_logits
    critic, budget = bundle.critics[options.of], bundle.critics[options.of].config.budget
    train, test = images_of(bundle, options.held_out)
    decided, decisions = (answers(forward, x) for x in (train, test))
    mask = hard(critic, test, decisions, budget)
    table = results.Table(f"critic_{options.of}", "critic", "as many random stroke pixels")
    row, kept = table.row, mask.sum((1, 2)).mean().item()
    row("pixels kept of 784", ("{:.2f}", kept), ("{}", budget))
    judge = guards.train_judge(train, decided, critic.num_targets, epochs=options.judge_epochs)
    strokes = random_strokes(test, budget, torch.Generator().manual_seed(1))
    found = [guards.agreement(judge, test, of, decisions) for of in (mask, strokes)]
    row("judge trained on random masks agrees", *(percent(share) for share in found))
    row("its errors against those by strokes", ("{:.3f}", (1 - found[0]) / (1 - found[1])), "1")
    swaps = [guards.swap(judge, test, of, decisions) for of in (mask, strokes)]
    row("mask on x': decision of x' beats that of x", *(percent(s[0]) for s in swaps))
    row("mask on x': decision of x' is named", *(percent(s[1]) for s in swaps))
    row("reader of masks alone", *readers(critic, train, decided, test, decisions, options))
    others = (decisions + 1) % critic.num_targets
    other = guards.overlap(mask, hard(critic, test, others, budget))
    row("overlap (IoU) with the mask of another target", ("{:.3f}", other), "-")
    row("rank correlation with a randomised model's critic", *randomised(bundle, test, options))
    speeds(row, critic, forward, test, decisions)
    table.save()


def images_of(bundle, held_out):
    train = to_float(bundle.dataset.train.images)
    if held_out:
        return train[:-held_out], train[-held_out:]
    return train, to_float(bundle.dataset.test.images)


def readers(critic, train, decided, test, decisions, options):
    """Yield the test accuracy of a reader of the critic's masks, then of one of random strokes."""
    count, budget = options.reader_images, critic.config.budget
    x, decided = train[:count], decided[:count]
    known = hard(critic, x, decided, budget)
    masks = {
        "critic": (lambda rows, _: known[rows], hard(critic, test, decisions, budget)),
        "strokes": (
            lambda rows, generator: random_strokes(x[rows], budget, generator),
            random_strokes(test, budget, torch.Generator().manual_seed(2)),
        ),
    }
    for of_train, of_test in masks.values():
        reader = guards.train_reader(
            of_train, decided, critic.num_targets, epochs=options.reader_epochs
        )
        right = guards.agreement(reader, of_test.unsqueeze(1), of_test, decisions)
        yield percent(right)


def randomised(bundle, test, options):
    """Train critics of the classifier with its own and with random weights for a short while."""
    own = bundle.classifier
    broken = copy.deepcopy(own)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for layer in broken.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.reset_parameters()
    training = CriticTraining(surrogate_epochs=2, epochs=2, train_images=options.random_images)
    critic = train_critics(
        bundle.dataset.train.images,
        explained={"classifier": broken},
        reconstruct=bundle.model.reconstruct,
        config=bundle.critics["classifier"].config,
        training=training,
    )["classifier"].eval()
    x = test[:2000]
    maps = [
        soft(critic, x, answers(forward, x))
        for critic, forward in ((bundle.critics["classifier"], own), (critic, broken))
    ]
    marks = [marked(of, critic.config.budget) for of in maps]
    overlap = guards.overlap(*marks)
    correlation = guards.rank_correlation(*maps)
    return ("{:.3f}; IoU of the marks {:.3f}", correlation, overlap), "-"


def speeds(row, critic, forward, test, decisions):
    from captum.attr import IntegratedGradients

    x, target = test[:256], decisions[:256]
    gradients = IntegratedGradients(forward)
    with torch.inference_mode():
        of_critic = fastest(lambda: critic(x, target), 20) / len(x)
    of_gradients = fastest(lambda: gradients.attribute(x[:64], target=target[:64], n_steps=50), 2)
    row("ms per image, batch of 256", ("{:.4f}", 1000 * of_critic), "-")
    times = of_gradients / 64 / of_critic
    per_image = 1000 * of_gradients / 64
    row("integrated gradients, 50 steps, ms per image", ("{:.2f}", per_image), "-")
    row("times faster than integrated gradients", ("{:,.0f}", times), "-")


def fastest(call, repeats):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


@torch.inference_mode()
def answers(forward, x):
    return torch.cat([forward(part).argmax(-1) for part in x.split(AT_ONCE)])


@torch.inference_mode()
def soft(critic, x, target):
    parts = zip(x.split(AT_ONCE), target.split(AT_ONCE), strict=True)
    return torch.cat([critic(part, of) for part, of in parts])


def hard(critic, x, target, budget):
    return marked(soft(critic, x, target), budget)


def percent(share):
    return "{:.2f} %", 100 * share


if __name__ == "__main__":
    main()
