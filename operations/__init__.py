"""
operations
"""
