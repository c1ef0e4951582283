"""The Counterfactuals page: the searches, their results and the evidence for them."""
