"""What people see: findings in, terminal pages out. Computes no statistic and starts no model.

`live.py` shows a study while it runs, `text.py` what it found; `saved.py` reads the findings of a finished
run, `figures.py` writes single numbers the one way that all pages share.
"""
