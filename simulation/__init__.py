"""The core of the system as a simulation: what is promised of events and operations, in any order of steps.

The store and the broker are in memory; processes are small generators whose steps a seeded scheduler orders, while
faults come in between. The rules are those of the running system (`chassis.decisions`, the services' domains).
"""
