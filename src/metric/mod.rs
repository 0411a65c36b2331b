//! Scoring: quality against dose, and the statistics that compare policies.
