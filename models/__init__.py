"""
models
"""
