"""Parts shared by the conformance scripts. Python's standard library only."""
