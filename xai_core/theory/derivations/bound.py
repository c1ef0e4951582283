r"""The bound of a VAE: by Jensen's inequality, by Bayes' rule, and as two exercises."""

from .codes import Codes
from .line import Derivation, Line

__all__ = ["BAYES", "EXERCISE_A", "EXERCISE_B", "JENSEN_BOUND", "THREE_TERMS"]

L = Line[Codes]


def _log_evidence(c: Codes) -> float:
    return c.log_evidence


def _gap(c: Codes) -> float:
    return c.mean(c.log_posterior - c.log_true_posterior).item()


def _kl_to_prior(c: Codes) -> float:
    return c.mean(c.log_posterior - c.log_prior).item()


def _two_terms(c: Codes) -> float:
    return c.mean(c.log_likelihood).item() - _kl_to_prior(c)


JENSEN_BOUND = Derivation(
    key="D-1",
    title="The bound of a VAE",
    source="Report, section 1, (1.1) to (1.10); slides, “A Lower Bound on the Log-Likelihood” and "
    "“Evidence Lower Bound”",
    setting="x is the image, z its code. The integral over z is intractable: it would need one "
    "pass of the decoder for every point of the latent space, and so is the posterior p(z|x). "
    "An approximate posterior q(z|x) is brought in, and a lower bound is maximised instead. Its "
    "first term is a log likelihood, so large is good; the second keeps q(z|x) near the prior.",
    lines=(
        L(formula=r"\log p(x)=\log\int p(x,z)\,dz=\log\int p(x|z)\,p(z)\,dz",
          reason="Sum rule: z is integrated out.", number="(1.1)", value=_log_evidence),
        L(formula=r"=\log\int q(z|x)\,\frac{p(x,z)}{q(z|x)}\,dz",
          reason="Multiply by 1 = q/q; q(z|x) must be positive wherever p(x, z) is.",
          number="(1.2)",
          value=lambda c: (c.weights.log() + c.log_joint - c.log_posterior).logsumexp(0),
          tolerance=1e-5),
        L(formula=r"=\log\mathbb E_{q(z|x)}\!\left[\frac{p(x,z)}{q(z|x)}\right]",
          reason="Definition of expectation.", number="(1.2)",
          value=lambda c: c.log_mean_exp(c.log_weights)),
        L(formula=r"\ge\mathbb E_{q(z|x)}\!\left[\log\frac{p(x,z)}{q(z|x)}\right]",
          reason="Jensen: log is concave, and the ratio of densities is positive.",
          number="before (1.3)", relation=">=", value=lambda c: c.mean(c.log_weights),
          note="“For any f”: f must be positive, since its logarithm is taken."),
        L(formula=r"=:\mathcal L(x)",
          reason="Definition of the evidence lower bound (ELBO). It is log p(x) if and only if "
          "the ratio does not depend on z, that is, q(z|x) = p(z|x).", number="(1.3)",
          value=lambda c: c.mean(c.log_joint - c.log_posterior)),
        L(formula=r"=\mathbb E_{q(z|x)}\!\left[\log\frac{p(x|z)\,p(z)}{q(z|x)}\right]",
          reason="Product rule: p(x, z) = p(x|z) p(z).", number="(1.4)",
          value=lambda c: c.mean(c.log_likelihood + c.log_prior - c.log_posterior)),
        L(formula=r"=\mathbb E_{q(z|x)}[\log p(x|z)+\log p(z)-\log q(z|x)]",
          reason="Logarithm of a product and of a quotient.", number="(1.5)",
          note="The report's reason for this line is linearity; that is used one line later.",
          value=lambda c: c.mean(c.log_likelihood) + c.mean(c.log_prior)
          - c.mean(c.log_posterior)),
        L(formula=r"=\mathbb E_{q(z|x)}[\log p(x|z)]"
          r"+\mathbb E_{q(z|x)}\!\left[\log\frac{p(z)}{q(z|x)}\right]",
          reason="Linearity of expectation.", number="(1.6)",
          value=lambda c: c.mean(c.log_likelihood) + c.mean(c.log_prior - c.log_posterior)),
        L(formula=r"\mathbb E_{q(z|x)}\!\left[\log\frac{p(z)}{q(z|x)}\right]"
          r"=-\mathbb E_{q(z|x)}\!\left[\log\frac{q(z|x)}{p(z)}\right]",
          reason="log(1/a) = −log a.", number="1.5",
          start=lambda c: c.mean(c.log_prior - c.log_posterior),
          value=lambda c: -c.mean(c.log_posterior - c.log_prior)),
        L(formula=r"=-\mathrm{KL}(q(z|x)\,\|\,p(z))", reason="Definition of KL.", number="1.5",
          value=lambda c: -_kl_to_prior(c)),
        L(formula=r"\mathcal L(x)=\mathbb E_{q(z|x)}[\log p(x|z)]-\mathrm{KL}(q(z|x)\,\|\,p(z))",
          reason="The last two results together: reconstruction minus divergence to the prior.",
          number="(1.7) = (1.10)", start=lambda c: c.mean(c.log_weights), value=_two_terms),
        L(formula=r"\log p(x)=\mathbb E_{q(z|x)}[\log p(x)]",
          reason="log p(x) does not contain z, and q(z|x) integrates to 1. Here begins the proof "
          "of (1.8), which the report states without one.", start=_log_evidence,
          value=lambda c: c.log_evidence * c.weights.sum()),
        L(formula=r"=\mathbb E_{q(z|x)}\!\left[\log\frac{p(x,z)}{p(z|x)}\right]",
          reason="Product rule: p(x, z) = p(z|x) p(x).",
          value=lambda c: c.mean(c.log_joint - c.log_true_posterior)),
        L(formula=r"=\mathbb E_{q(z|x)}\!\left[\log\frac{p(x,z)}{q(z|x)}\cdot"
          r"\frac{q(z|x)}{p(z|x)}\right]", reason="Multiply by 1.",
          value=lambda c: c.mean(
              (c.log_joint - c.log_posterior) + (c.log_posterior - c.log_true_posterior))),
        L(formula=r"=\mathbb E_{q(z|x)}\!\left[\log\frac{p(x,z)}{q(z|x)}\right]"
          r"+\mathbb E_{q(z|x)}\!\left[\log\frac{q(z|x)}{p(z|x)}\right]",
          reason="Logarithm of a product, linearity.",
          value=lambda c: c.mean(c.log_weights) + c.mean(c.log_posterior - c.log_true_posterior)),
        L(formula=r"=\mathcal L(x)+\mathrm{KL}(q(z|x)\,\|\,p(z|x))", reason="Definitions.",
          number="(1.8)", value=lambda c: _two_terms(c) + _gap(c)),
        L(formula=r"\ge\mathcal L(x)",
          reason="KL ≥ 0: a second proof of the inequality, which also names the gap. While only "
          "q moves, raising the bound tightens it; when the model moves too, log p(x) moves as "
          "well.", number="(1.9)", relation=">=", value=_two_terms,
          note="“Tightened by minimising the KL” is true while only q moves."),
    ),
)  # fmt: skip

BAYES = Derivation(
    key="D-8",
    title="The bound by Bayes' rule",
    source="Note, all steps",
    setting="p(Z|X) is the posterior, p(X|Z) the likelihood, p(Z) the prior and p(X) the "
    "evidence, the normalising constant ∫ p(X|Z) p(Z) dZ: one number, but a hard one, since it "
          "is a sum "
    "over all codes. The remedy is a well-behaved q(Z|X) that one can sample from, with "
    "parameters φ to be learned; those of the model are θ.",
    lines=(
        L(formula=r"p(Z|X)=\frac{p(X|Z)\,p(Z)}{p(X)}=\frac{p(Z,X)}{p(X)}",
          reason="Bayes' rule: posterior = likelihood × prior / evidence (here as expectations of "
          "the logarithms).", number="step 0",
          start=lambda c: c.mean(c.log_true_posterior),
          value=lambda c: c.mean(c.log_joint) - c.log_evidence),
        L(formula=r"\mathrm{KL}(q(Z|X)\,\|\,p(Z|X))=\mathbb E_q\!\left[\log\frac{q(Z|X)}{p(Z|X)}"
          r"\right]", reason="Definition. It cannot be computed directly: it contains the "
          "intractable posterior.", start=_gap,
          value=lambda c: c.mean(c.log_posterior - c.log_true_posterior)),
        L(formula=r"=\mathbb E_q[\log q(Z|X)]-\mathbb E_q[\log p(Z|X)]",
          reason="Logarithm of a quotient, linearity.", number="step 1",
          value=lambda c: c.mean(c.log_posterior) - c.mean(c.log_true_posterior)),
        L(formula=r"=\mathbb E_q[\log q(Z|X)]-\mathbb E_q\!\left[\log\frac{p(Z,X)}{p(X)}\right]",
          reason="Bayes' rule, the first line, in the second term.", number="step 2",
          value=lambda c: c.mean(c.log_posterior) - c.mean(c.log_joint - c.log_evidence)),
        L(formula=r"=\mathbb E_q[\log q(Z|X)]-\mathbb E_q[\log p(Z,X)]+\mathbb E_q[\log p(X)]",
          reason="Logarithm of a quotient.", number="step 2",
          note="The note's third term reads E[p(X)]; a logarithm got lost.",
          value=lambda c: c.mean(c.log_posterior) - c.mean(c.log_joint)
          + c.mean(c.log_evidence + 0 * c.log_joint)),
        L(formula=r"\mathbb E_q[\log p(X)]=\int q(Z|X)\log p(X)\,dZ=\log p(X)\int q(Z|X)\,dZ"
          r"=\log p(X)", reason="p(X) does not contain Z; a density integrates to 1.",
          number="steps 3 and 4", note="The note integrates over dx; the expectation is over Z.",
          start=lambda c: c.mean(c.log_evidence + 0 * c.log_joint), value=_log_evidence),
        L(formula=r"\mathrm{KL}(q\,\|\,p(Z|X))=\mathbb E_q[\log q(Z|X)]-\mathbb E_q[\log p(Z,X)]"
          r"+\log p(X)", reason="The last two lines together.", number="step 5", start=_gap,
          value=lambda c: c.mean(c.log_posterior) - c.mean(c.log_joint) + c.log_evidence),
        L(formula=r"\log p(X)=-\mathbb E_q[\log q(Z|X)]+\mathbb E_q[\log p(Z,X)]"
          r"+\mathrm{KL}(q\,\|\,p(Z|X))", reason="Solve for log p(X).", start=_log_evidence,
          value=lambda c: c.mean(c.log_joint) - c.mean(c.log_posterior) + _gap(c)),
        L(formula=r"\ge-\mathbb E_q[\log q(Z|X)]+\mathbb E_q[\log p(Z,X)]=:\mathrm{ELBO}",
          reason="KL ≥ 0. log p(X) is fixed while q moves, so raising the ELBO by q lowers this "
          "KL by exactly as much: dropping it is harmless.", relation=">=",
          note="The note says “maximising KL”; what is maximised is the ELBO. Leaving out "
          "something non-negative turns “=” into “≥”.",
          value=lambda c: c.mean(c.log_joint) - c.mean(c.log_posterior)),
        L(formula=r"\mathrm{ELBO}=-\mathbb E_q[\log q(Z|X)]+\mathbb E_q[\log p(X|Z)]"
          r"+\mathbb E_q[\log p(Z)]", reason="Product rule: p(Z, X) = p(X|Z) p(Z).",
          value=lambda c: c.mean(c.log_likelihood) + c.mean(c.log_prior)
          - c.mean(c.log_posterior)),
        L(formula=r"=\mathbb E_q[\log p(X|Z)]-\mathbb E_q\!\left[\log\frac{q(Z|X)}{p(Z)}\right]",
          reason="Reorder: the note's final simplification.",
          value=lambda c: c.mean(c.log_likelihood) - c.mean(c.log_posterior - c.log_prior)),
        L(formula=r"=\mathbb E_q[\log p(X|Z)]-\mathrm{KL}(q(Z|X)\,\|\,p(Z))",
          reason="Definition. This KL, to the *prior*, is another one than that above, to the "
          "*posterior*.", value=_two_terms),
        L(formula=r"\text{the same lines hold with a }q(Z)\text{ that does not look at }X",
          reason="Nothing used the dependence. Two algorithms climb this bound: expectation "
          "maximisation where p(Z|X) is known, the variational autoencoder where it is not.",
          note="One letter Θ stands for two sets of parameters in the note: θ of the model, φ of "
          "q."),
    ),
)  # fmt: skip

EXERCISE_A = Derivation(
    key="D-9",
    title="Exercise A",
    source="Exercise sheet, (1) to (8)",
    setting="To show: KL[Q(z|X) ‖ P(z|X)] = E[log Q(z|X) − log P(X|z) − log P(z)] + log P(X), the "
    "expectation under Q(z|X). Capital letters mean what small ones do in the report.",
    lines=(
        L(formula=r"\mathrm{KL}[Q(z|X)\,\|\,P(z|X)]=\int Q(z|X)\log\frac{Q(z|X)}{P(z|X)}\,dz",
          reason="Definition of KL.", number="(2)", start=_gap,
          value=lambda c: (c.weights * (c.log_posterior - c.log_true_posterior)).sum()),
        L(formula=r"=\mathbb E_{z\sim Q(z|X)}\!\left[\log\frac{Q(z|X)}{P(z|X)}\right]",
          reason="Definition of expectation.", number="(3)", value=_gap),
        L(formula=r"=\mathbb E[\log Q(z|X)-\log P(z|X)]", reason="Logarithm rule.", number="(4)",
          value=lambda c: c.mean(c.log_posterior) - c.mean(c.log_true_posterior)),
        L(formula=r"=\mathbb E\!\left[\log Q(z|X)-\log\frac{P(X|z)\,P(z)}{P(X)}\right]",
          reason="Bayes' theorem.", number="(5)",
          value=lambda c: c.mean(c.log_posterior - (c.log_joint - c.log_evidence))),
        L(formula=r"=\mathbb E[\log Q(z|X)-(\log P(X|z)+\log P(z)-\log P(X))]",
          reason="Logarithm rule.", number="(6)",
          value=lambda c: c.mean(
              c.log_posterior - (c.log_likelihood + c.log_prior - c.log_evidence))),
        L(formula=r"=\mathbb E[\log Q(z|X)-\log P(X|z)-\log P(z)+\log P(X)]",
          reason="Open the bracket.", number="(7)",
          note="The sheet prints one extra line here with “+ log P(X)” inside the bracket; the "
          "sign there is −, and the line after it is right.",
          value=lambda c: c.mean(
              c.log_posterior - c.log_likelihood - c.log_prior + c.log_evidence)),
        L(formula=r"=\mathbb E[\log Q(z|X)-\log P(X|z)-\log P(z)]+\log P(X)\qquad\blacksquare",
          reason="log P(X) is constant under Q.", number="(8)",
          value=lambda c: c.mean(c.log_posterior - c.log_likelihood - c.log_prior)
          + c.log_evidence),
    ),
)  # fmt: skip

EXERCISE_B = Derivation(
    key="D-10",
    title="Exercise B",
    source="Exercise sheet, (9) to (13)",
    setting="To show (9): log P(X) − KL[Q(z|X) ‖ P(z|X)] = E[log P(X|z)] − KL[Q(z|X) ‖ P(z)]. The "
    "left side is what is wanted, minus an error that is never negative; the right side is what "
    "can be computed.",
    lines=(
        L(formula=r"\log P(X)-\mathrm{KL}[Q\,\|\,P(z|X)]=\log P(X)-\bigl(\mathbb E[\log Q(z|X)"
          r"-\log P(X|z)-\log P(z)]+\log P(X)\bigr)", reason="Exercise A.", number="(10)",
          start=lambda c: c.log_evidence - _gap(c),
          value=lambda c: c.log_evidence
          - (c.mean(c.log_posterior - c.log_likelihood - c.log_prior) + c.log_evidence)),
        L(formula=r"=\mathbb E[\log P(X|z)-(\log Q(z|X)-\log P(z))]",
          reason="log P(X) cancels; the minus goes inside the expectation, E[−f] = −E[f].",
          number="(11)",
          value=lambda c: c.mean(c.log_likelihood - (c.log_posterior - c.log_prior))),
        L(formula=r"=\mathbb E[\log P(X|z)]-\mathbb E[\log Q(z|X)-\log P(z)]",
          reason="Additivity of expectation.", number="(12)",
          value=lambda c: c.mean(c.log_likelihood) - c.mean(c.log_posterior - c.log_prior)),
        L(formula=r"=\mathbb E[\log P(X|z)]-\mathrm{KL}[Q(z|X)\,\|\,P(z)]\qquad\blacksquare",
          reason="Definitions of expectation and KL.", number="(13)", value=_two_terms),
    ),
)  # fmt: skip

THREE_TERMS = Derivation(
    key="D-21",
    title="log p(x) = (A) − (B) + (C)",
    source="Slides, “Variational Autoencoder”, two slides",
    setting="(A) needs samples of z and the decoder; (B) is a closed form for Gaussians; (C) is "
    "intractable, but never negative (Gibbs). Training maximises the sum of (A) − (B) over the "
    "images, by θ and φ.",
    lines=(
        L(formula=r"\log p_\theta(x)=\mathbb E_{z\sim q_\phi(\cdot|x)}[\log p_\theta(x)]",
          reason="It is a constant under q.", start=_log_evidence,
          value=lambda c: c.log_evidence * c.weights.sum()),
        L(formula=r"=\mathbb E_z\!\left[\log\frac{p_\theta(x|z)\,p(z)}{p_\theta(z|x)}\right]",
          reason="Bayes: p(x) p(z|x) = p(x|z) p(z).",
          value=lambda c: c.mean(c.log_joint - c.log_true_posterior)),
        L(formula=r"=\mathbb E_z\!\left[\log\frac{p_\theta(x|z)\,p(z)}{p_\theta(z|x)}\cdot"
          r"\frac{q_\phi(z|x)}{q_\phi(z|x)}\right]", reason="Multiply by 1.",
          value=lambda c: c.mean(
              c.log_joint - c.log_true_posterior + c.log_posterior - c.log_posterior)),
        L(formula=r"=\mathbb E_z[\log p_\theta(x|z)]-\mathbb E_z\!\left[\log\frac{q_\phi(z|x)}"
          r"{p(z)}\right]+\mathbb E_z\!\left[\log\frac{q_\phi(z|x)}{p_\theta(z|x)}\right]",
          reason="Logarithm rules, linearity.",
          value=lambda c: c.mean(c.log_likelihood) - c.mean(c.log_posterior - c.log_prior)
          + c.mean(c.log_posterior - c.log_true_posterior)),
        L(formula=r"=\underbrace{\mathbb E_z[\log p_\theta(x|z)]}_{(A)}"
          r"-\underbrace{\mathrm{KL}(q_\phi(z|x)\,\|\,p(z))}_{(B)}"
          r"+\underbrace{\mathrm{KL}(q_\phi(z|x)\,\|\,p_\theta(z|x))}_{(C)}",
          reason="Definitions. The bound is (A) − (B).",
          note="The slide adds (A) + (B); the divergence is subtracted.",
          value=lambda c: _two_terms(c) + _gap(c)),
    ),
)  # fmt: skip
