"""What the names of clusters on all pages mean."""

ARROW_MEANS = (
    "**3 → 7** is cluster 3, which was named after label 7 once training was over: each cluster "
    "gets one label, chosen on the train images so that as many as possible agree."
)
