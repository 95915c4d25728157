"""Which lever does a task respond to? Evidence in, findings and an order of levers out.

`evidence.py` says what is looked at, `signals/` turns it into numbers with intervals, the rules turn those
into findings and advice. Everything in it but `gather.py` is pure: no model is asked and nothing is stored.
"""
