"""Starts WakaTime's older client as its own program would, on a Python that is newer than the libraries it brings along."""

import collections
import collections.abc
import sys

import six

# Names that Python 3.10 removed.
for name in collections.abc.__all__:
    setattr(collections, name, getattr(collections.abc, name))
# A copy of `six` whose lazy modules Python 3.12 no longer loads.
for name in ["", ".moves", ".moves.http_client", ".moves.queue", ".moves.urllib", ".moves.urllib.parse"]:
    __import__("six" + name)
    sys.modules["urllib3.packages.six" + name] = sys.modules["six" + name]

from wakatime import execute

sys.exit(execute(sys.argv[1:]))
