"""Dagster, dbt, the lake and the command line: moves rows and calls the rooms that decide.

Business rules do not live here. Heavy libraries are imported inside the function that needs them, so that
loading the definitions stays cheap.
"""
