"""People say who is right where two arms of a finished run disagree, and a few of the labels tell the
verdict.

Only disagreements can move a paired difference, so only they are shown, in a random order in which those that
can move it more come sooner. `pairs.py` finds them, `order.py` orders them, `book.py` keeps the labels,
`bound.py` and `standing.py` say what they show so far, `app.py` is the page's server and `serving.py` the
process around it. No model is called, and nothing here changes the run's findings.
"""
