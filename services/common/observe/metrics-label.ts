/** Label of a member that serves metrics; its value is their path. */
export const metricsLabel = "assay.metrics";
