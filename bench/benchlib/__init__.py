"""Parts of `bench/run`: processes, peers, load generators, scenarios, report. Python's standard library only."""
