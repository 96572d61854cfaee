"""Runs the whole of Tandem on one machine: what bin/run, bin/test, bin/lint and bin/migrate do.

The first steps (`__main__`, `python_environment`, `apt`) run on a bare Python before the virtual environment is there,
so they import nothing but the standard library. Nothing here knows a rule of the product.
"""
