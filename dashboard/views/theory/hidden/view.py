"""Theory: hidden variables and the graphs of their dependencies."""

from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory.hidden import panels

bundle = layout.page(
    "Hidden variables",
    "The purpose of latent variables, the dependencies that a graph encodes, and two models with "
    "hidden groups that are small enough to follow by hand.",
)

layout.section("Latent variable models", "The idea behind all pages of this group.")
panels.variables()

layout.section(
    "Directed graphs",
    "A graph stands for a factorisation of the joint distribution.",
    "Read an arrow as “is drawn given”. The product has one factor per node, conditioned on the "
    "node's parents.",
)
panels.factorisations()

layout.section(
    "Customers in segments",
    "A Poisson mixture of four customers and two items, fitted by EM.",
    "r₁ is the responsibility of the first segment for a customer. Each iteration computes the "
    "responsibilities, then the weights and rates that are best for them.",
)
panels.customers(bundle)

layout.section(
    "Topics of documents",
    "Latent Dirichlet allocation of a few sentences about sport and politics.",
    "A topic β_k is a distribution over words, a document has shares θ_d of the topics, and each "
    "word comes from one topic. The last row of the table belongs to both subjects. ψ is the "
    "digamma function; the updates are coordinate ascent, as on the page Mean-field.",
)
panels.topics(bundle)
next_pages.offer_neighbours("theory_hidden")
