"""Effects of communication: the transactional outbox on SQLite, its worker, and the channels it delivers through.

What is sent, when and to whom is decided in ``operations``; here it is recorded, delivered at least once, and kept.
"""
