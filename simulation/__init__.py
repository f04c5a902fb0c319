"""
simulation
"""
