"""The report of runs as one HTML page that needs nothing but itself.

runs        records with what their work dirs hold beside them
methods     runs of one method together, differences to the baseline, and whether the seeds bear them out
words       what changed, in sentences
tables      numbers for the tables of the page
ink         figures as SVG that takes its colours from the page
slopes, differences, frequency, confusions, curves, panels      one kind of figure each
examples    images where rare classes fail, which albums holds and pictures draws
phrases     wordings that several of them use
provenance  configs, versions and data
page        all of it put together
"""
