"""Names in the tables of steering: what was forced, how, and what was measured."""

# Forced to the median on the concept's sentences; to the median on the others (knock-out); kept from rising above that.
ON, OFF, CAPPED = "on", "off", "capped"
NONE, EXPERTS, RANDOM, OTHER = "none", "experts", "random units", "experts of another concept"

LOGPROB, MENTIONS, PERPLEXITY = "delta_logprob", "mention_share", "log_perplexity"
ITSELF = ""  # of a row that is no difference
