"""
solvers
"""
