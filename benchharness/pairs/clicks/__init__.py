"""From click logs to training pairs: what was clicked more than its place on the page explains.

log.py reads the rows, intake.py keeps them as numbers, cleaning.py counts what is left; curve.py
learns how often each rank is looked at, scores.py what a click is worth then; mining.py joins
them, writing.py writes pairs, report and evaluation queries. simulation.py draws logs whose truth
is known.
"""
