"""How the numbers of a report are made, in words that stand in every report."""

METHOD = [
    "A configuration is a set of runs that differ by no setting but the seed; its value is the "
    "mean over seeds of the metric at the end of training.",
    "95 % interval: Student's t over seeds. It holds the true mean in 95 % of repetitions where "
    "values are normal over seeds, and in about 90 % where they are strongly skewed. The "
    "percentile bootstrap, which table.csv also has, holds it in only 75 % with 3 seeds, 87 % "
    "with 5 and 91 % with 10.",
    "Difference: configuration minus baseline, paired by seed, since equal seeds share initial "
    "weights, noise and the order of data. p: two-sided paired t test; Holm's correction over all "
    "comparisons of this report keeps the probability of any false claim below 5 %. Intervals of "
    "differences are not corrected. Where all differences are one and the same number, p is that "
    "of the sign-flip test.",
    "P(best): share of bootstrap resamples over seeds in which the configuration's mean is the "
    "best; configurations with one seed take no part. With 3 seeds it is optimistic: 0.9 is "
    "right about 8 times in 10.",
    "Failed: runs whose health verdict is not healthy, whose last losses are not finite, or that "
    "learned nothing: no mode was captured, or hardly a sample looks real (fewer than 5 % of "
    "points, or images of a precision below 0.01). In brackets the 95 % interval of that rate by "
    "Clopper and Pearson, which is never too short.",
    "A run that did not come to its end has no value, and is listed as left out.",
]
