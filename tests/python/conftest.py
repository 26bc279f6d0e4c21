"""What every test here plays on stands in `lkhost/fixtures.py`, which `tests/browser/` uses too."""

pytest_plugins = ["lkhost.fixtures"]
