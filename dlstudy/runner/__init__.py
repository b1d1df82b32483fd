"""One run of a study: what is missing is planned, trained and recorded."""
