"""Who trains: engines put trials into slots and bring back their results."""
