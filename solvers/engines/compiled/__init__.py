"""The compiled engine: exact route evaluation, insertion, ruin and recreate in machine code (Numba), for large days.

``arrays`` turns a problem into arrays and says what is covered; ``routes`` keeps routes under construction with
everything an insertion is judged by; ``places`` judges it; ``ruin`` has the search (Christiaens and Vanden Berghe 2020,
Transportation Science 54(2)); ``search`` is what engines call. Nothing here is imported before it is needed: loading
Numba takes half a second.
"""
