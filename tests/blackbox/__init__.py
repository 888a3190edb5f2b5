"""Black-box tests: the release binary, on both databases, with real programs around it.

Written from the outside contract alone; nothing here knows how Firedog is made. Every wait polls a
condition and has a deadline; every process that a test starts ends with it.
"""
