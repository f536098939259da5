"""Tables and pictures of a search: pure functions of its results."""
