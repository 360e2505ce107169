"""Shots and their order, where it takes files, processes and pictures."""
