"""Names in the tables of stability: scores and rules of who is an expert, families of sites, sources, controls."""

ALL, ATTENTION, FEED_FORWARD = "all", "attention", "feed-forward"
FAMILIES = {ALL: "", ATTENTION: "attn.", FEED_FORWARD: "mlp."}  # how their sites begin

AP, AUROC, TOP, COUNT_MATCHED = "AP", "AUROC", "top k", "as many units"
REFERENCE = "AP at the reference prevalence"

FIRST, SECOND = "one half", "the other half"

NO_LAYER = -1  # the whole model

OWN = "the study's own experts"
UNTRAINED = "untrained weights"
SHUFFLED = "sentences dealt out anew"
RANDOM = "random units, matched by layer, site and number"
MASKED = "concept's word masked in the input"
CONTEXT = "concept's tokens left out of the pooling"
TFIDF = "words of the sentences (TF-IDF)"
PARTNER = "partner words in the sentences, partialled out"
TEXT = "TF-IDF of the sentences, partialled out"

# Ways to give a concept as many units: their names in the tables, and what they are called.
METHODS = {
    "experts": "experts",
    "probes": "units of a sparse probe",
    "features": "features of a dictionary",
    "feature_probes": "features of a sparse probe",
    "random": "random units",
}
