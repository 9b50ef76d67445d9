"""The report of runs as one HTML page that needs nothing but itself.

words       what changed, in sentences
tables      numbers for the tables of the page
slopes, differences, frequency, confusions, curves, panels      one kind of figure each
examples    images where rare classes fail, which albums holds and pictures draws
phrases     wordings that several of them use
provenance  configs, versions and data
page        all of it put together
"""
