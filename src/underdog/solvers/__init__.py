"""Exact solvers for what models formulate: facts and rules, constraints, integer programs. No model here."""
