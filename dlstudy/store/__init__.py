"""What a run leaves behind: the home folder, the record of all trials, and locks."""
