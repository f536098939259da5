"""Old names over tunesmith's own search: scripts of other libraries run by a change of import."""
