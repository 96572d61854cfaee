"""What Tandem costs, beside what its parts cost bare, in one run on one machine: see `bin/bench --help`.

A script, never a timed test: a figure depends on the machine, so each stands beside a raw reference of the same run.
"""
