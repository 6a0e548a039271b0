"""Dose names: what the kinds of rows of the `dose_effects` table are called."""

MEAN, DIFFERENCE, HALF = "mean", "difference to the highest dose", "step at half of the highest dose's last value"
