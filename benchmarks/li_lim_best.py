"""Best known results of Li and Lim's pairs with about 100 tasks: vehicles first, then distance.

Real distances rounded to two decimals, of Li and Lim (2001, ICTAI), SAM::OPT (2003-2004), and Bent and Van Hentenryck
(2003) for lc103 and lc109. All 56 were compared in November 2026 with the table that the University of Lodz keeps, with
a detailed solution for each (https://github.com/rogalski-wmii-uni-lodz-pl/vrp-benchmarks, ``tables.md`` at commit
0860b05, four decimals); SINTEF lists the same set (https://www.sintef.no/projectweb/top/pdptw/100-customers/).
"""

from __future__ import annotations

_TABLE = """
lc101 10 828.94   lc102 10 828.94   lc103 9 1035.35   lc104 9 860.01    lc105 10 828.94   lc106 10 828.94
lc107 10 828.94   lc108 10 826.44   lc109 9 1000.60
lc201 3 591.56    lc202 3 591.56    lc203 3 591.17    lc204 3 590.60    lc205 3 588.88    lc206 3 588.49
lc207 3 588.29    lc208 3 588.32
lr101 19 1650.80  lr102 17 1487.57  lr103 13 1292.68  lr104 9 1013.39   lr105 14 1377.11  lr106 12 1252.62
lr107 10 1111.31  lr108 9 968.97    lr109 11 1208.96  lr110 10 1159.35  lr111 10 1108.90  lr112 9 1003.77
lr201 4 1253.23   lr202 3 1197.67   lr203 3 949.40    lr204 2 849.05    lr205 3 1054.02   lr206 3 931.63
lr207 2 903.06    lr208 2 734.85    lr209 3 930.59    lr210 3 964.22    lr211 2 911.52
lrc101 14 1708.80 lrc102 12 1558.07 lrc103 11 1258.74 lrc104 10 1128.40 lrc105 13 1637.62 lrc106 11 1424.73
lrc107 11 1230.14 lrc108 10 1147.43
lrc201 4 1406.94  lrc202 3 1374.27  lrc203 3 1089.07  lrc204 3 818.66   lrc205 4 1302.20  lrc206 3 1159.03
lrc207 3 1062.05  lrc208 3 852.76
"""
_WORDS = _TABLE.split()

BEST: dict[str, tuple[int, float]] = {
    _WORDS[n]: (int(_WORDS[n + 1]), float(_WORDS[n + 2])) for n in range(0, len(_WORDS), 3)
}
"""Instance -> vehicles, distance."""
