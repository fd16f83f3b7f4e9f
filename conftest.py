"""For the shipped suites and for the tests alike: neither ever needs a network."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

pytest_plugins = ["pytester"]
