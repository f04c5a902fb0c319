"""How real the twin is: its rows beside those of real sets, distances, and a classifier that tries to tell them apart.

``subjects.py`` says what is compared; ``real.py`` and ``played.py`` read it from the files and from the twin;
``compare.py`` measures; ``classifier.py`` tells rows apart; ``page.py`` shows. Evaluation code: it may read truth.
"""
