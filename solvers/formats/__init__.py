"""Files that others use, read into one planning problem and written back: every reader names the file and the field.

``read(path)`` finds the format by its content: VRPLIB and PyVRP's dialect of it (capacities, windows, many depots,
mixed fleets, allowed clients, prizes, reloads, explicit matrices), Solomon and Homberger, Li and Lim, MAMUT's
time-dependent JSON, VROOM's JSON, and our own JSON. ``Instance.write`` gives a plan in the format's own words.
"""

from solvers.formats.instance import Instance
from solvers.formats.reading import read

__all__ = ["Instance", "read"]
