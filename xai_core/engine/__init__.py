"""Engines: where independent blocks of work are computed, in this process or in many.

Inline                 here, one block after the other
LocalProcesses(n)      in n processes of this machine
DaskEngine(address)    by the workers of a Dask scheduler, on one machine or many
"""
