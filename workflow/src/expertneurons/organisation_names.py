"""Organisation names: what the measures and nulls of the `organisation` table are called."""

# Domains and trees
AUC, EFFECT, TRIPLETS = "domain_auc", "domain_effect", "domain_triplets"
WITHIN, DIFFERENCE = "within", "within_minus_between"
ARI, AMI, PURITY, COPHENETIC, TIED = "ari", "ami", "purity", "cophenetic", "tied_distances"
# Against people
RATED_TRIPLETS = "triplet_accuracy"
HUMAN_DISTANCE, HUMAN_TREE, BAKER = "cophenetic_human_distance", "cophenetic_human_tree", "bakers_gamma"
# Hierarchy
COVERAGE, LIFT, COMMON, ASYMMETRY = "coverage", "lift", "common_experts", "asymmetry"
ADJUSTED, UNMENTIONED = "asymmetry_adjusted", "coverage_unmentioned"
MENTIONS, SIZES = "mentions", "containment_sign_is_size"
# Polysemy
PER_EXPERT, SAME_DOMAIN, RATING = "concepts_per_expert", "shared_unit_same_domain", "shared_unit_rating"

LABELS, ROLES, GROUPS, SETS = "shuffled labels", "shuffled roles", "random groups", "random sets"
EXACT, NOTHING = "chance", ""

# Representations: measures of the sets themselves, and of their overlap
EXPERTS, HEADLINE, WORDS = "experts", "experts.jaccard", "text.tfidf"
