"""
orchestration
"""
