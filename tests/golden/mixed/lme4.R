# Fits by lme4 to pairs.csv, which the tests hold our own fits against. From this folder: Rscript lme4.R
#
# lme4 has no effects that two members of a row share. Each such term is first written with a placeholder factor of as
# many levels; its rows of Zt are then replaced by the ones we want, before the deviance is formed.

suppressPackageStartupMessages({
  library(lme4)
  library(Matrix)
  library(jsonlite)
})

pairs <- read.csv("pairs.csv", stringsAsFactors = FALSE)
concepts <- sort(unique(c(pairs$word1, pairs$word2)))
holds <- sparseMatrix(
  i = c(match(pairs$word1, concepts), match(pairs$word2, concepts)),
  j = rep(seq_len(nrow(pairs)), 2), x = 1, dims = c(length(concepts), nrow(pairs))
)

# `effects`: a named list of (levels x rows) matrices. Other random terms are written in the formula as usual.
fit <- function(fixed, data, effects) {
  for (name in names(effects)) data[[name]] <- factor(rep_len(seq_len(nrow(effects[[name]])), nrow(data)))
  terms <- paste0("(1 | ", names(effects), ")", collapse = " + ")
  control <- lmerControl(check.nobs.vs.rankZ = "ignore", check.nobs.vs.nlev = "ignore", check.nobs.vs.nRE = "ignore")
  parts <- lFormula(as.formula(paste(fixed, "+", terms)), data = data, REML = TRUE, control = control)
  for (name in names(effects)) {
    own <- as(effects[[name]], "CsparseMatrix")
    place <- parts$reTrms$Ztlist[[paste("1 |", name)]]
    stopifnot(all(dim(place) == dim(own)))
    dimnames(own) <- dimnames(place)
    parts$reTrms$Ztlist[[paste("1 |", name)]] <- own
  }
  parts$reTrms$Zt <- do.call(rbind, parts$reTrms$Ztlist)
  deviance <- do.call(mkLmerDevfun, parts)
  optimum <- optimizeLmer(deviance, optimizer = "bobyqa", control = list(rhobeg = 0.05, rhoend = 1e-10, maxfun = 1e5))
  # Once more from there: the optimum to more digits than the optimiser's own stopping rule promises.
  optimum <- optimizeLmer(
    deviance, optimizer = "bobyqa", start = optimum$par,
    control = list(rhobeg = 1e-3, rhoend = 1e-10, maxfun = 1e5)
  )
  model <- mkMerMod(environment(deviance), optimum, parts$reTrms, parts$fr)
  variances <- as.data.frame(VarCorr(model))
  list(
    fixed = as.list(fixef(model)),
    se = as.list(setNames(sqrt(diag(as.matrix(vcov(model)))), names(fixef(model)))),
    variances = as.list(setNames(variances$vcov, sub("Residual", "residual", variances$grp))),
    loglik = as.numeric(logLik(model)),
    rows = nrow(data)
  )
}

intercepts <- list(concept = holds)
slopes <- list(concept = holds, concept_rating = holds %*% Diagonal(x = pairs$rating))
pairs$contrast <- pairs$similarity - pairs$similarity2

long <- rbind(
  data.frame(pairs, y = pairs$similarity, condition = "similarity"),
  data.frame(pairs, y = pairs$similarity2, condition = "similarity2")
)
long$pair <- factor(paste(long$word1, long$word2))
nothing <- Matrix(0, length(concepts), nrow(pairs), sparse = TRUE)
pooled <- list(concept = cbind(holds, holds), concept_condition = rbind(cbind(holds, nothing), cbind(nothing, holds)))

found <- list(
  versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4"))),
  a = fit("similarity ~ 1 + rating", pairs, intercepts),
  b = fit("similarity ~ 1 + rating", pairs, slopes),
  c = fit("similarity ~ 1 + rating + covariate", pairs, slopes),
  d = fit("contrast ~ 1 + rating", pairs, slopes),
  e = fit("y ~ 0 + condition + condition:rating + (1 | pair)", long, pooled)
)
write_json(found, "lme4.json", auto_unbox = TRUE, digits = I(15), pretty = 2)
